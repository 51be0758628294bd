//! HTML within HTML.

/// Text as HTML shows it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `html` with `more` at the end of what it shows.
pub(super) fn inserted(html: &str, more: &str) -> String {
    let end = ["</body", "</html"].iter().find_map(|mark| rfind(html, mark)).unwrap_or(html.len());
    format!("{}{more}{}", &html[..end], &html[end..])
}

/// A document as a part of another one. Its frame is taken off, or it would change the frame that is around it: what is
/// set on a second `body` counts for the first.
pub(super) fn nested(html: &str) -> String {
    let mut inner = String::with_capacity(html.len() + 16);
    let mut rest = html;
    while let Some(place) = rest.find('<') {
        inner.push_str(&rest[..place]);
        rest = &rest[place..];
        let frame = ["<!doctype", "<html", "</html", "<head", "</head", "<body", "</body"];
        let Some(mark) = frame.iter().find(|mark| is_tag(rest, mark)) else {
            inner.push('<');
            rest = &rest[1..];
            continue;
        };
        match *mark {
            // What is set on it counts for what is in it.
            "<body" => inner.push_str("<div"),
            "</body" => inner.push_str("</div"),
            _ => {
                rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
                continue;
            }
        }
        rest = &rest[mark.len()..];
    }
    inner.push_str(rest);
    format!("<div>{inner}</div>")
}

/// Whether `html` begins with this tag: `<head` is not the beginning of `<header`.
fn is_tag(html: &str, mark: &str) -> bool {
    let begins = html.get(..mark.len()).is_some_and(|start| start.eq_ignore_ascii_case(mark));
    begins && !html[mark.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
}

fn rfind(html: &str, mark: &str) -> Option<usize> {
    html.rmatch_indices('<').map(|(place, _)| place).find(|place| is_tag(&html[*place..], mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_shown_behind_all_else() {
        for (html, expected) in [
            ("<html><BODY>a</BODY ></html>", "<html><BODY>a+</BODY ></html>"),
            ("a</html>", "a+</html>"),
            ("a<b>c", "a<b>c+"),
            ("", "+"),
        ] {
            assert_eq!(inserted(html, "+"), expected);
        }
    }

    #[test]
    fn a_document_within_another_has_no_frame() {
        for (html, expected) in [
            (
                "<!DOCTYPE html>\n<HTML lang=de><head><style>p{}</style></head><body bgcolor=red>ä<header>x</header></body></html>",
                "<div>\n<style>p{}</style><div bgcolor=red>ä<header>x</header></div></div>",
            ),
            ("a < b <", "<div>a < b <</div>"),
            ("<html", "<div></div>"),
        ] {
            assert_eq!(nested(html), expected);
        }
    }
}
