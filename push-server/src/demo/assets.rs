//! The files of the demo page, compiled into the binary.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

/// What the page may load and run: its own files, its own frames, and pictures it makes itself (the chart's last state, held while its
/// connection is cut). `'self'` of `connect-src` covers WebSockets of the same host and port (CSP 3 §6.7.2.8).
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Kept by browsers, but asked about each time: a new binary brings new files under old names.
pub(crate) const CACHE_CONTROL: &str = "no-cache";

/// One file of the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asset {
    /// The `Content-Type` to send.
    pub(crate) content_type: &'static str,
    /// The bytes to send.
    pub(crate) body: &'static [u8],
    /// The `ETag` to send, in its quotes.
    pub(crate) etag: &'static str,
}

impl Asset {
    /// Whether an `If-None-Match` names this very file, so that 304 without a body answers it.
    ///
    /// RFC 9110 §13.1.2: a list of tags or `*`, compared weakly.
    pub(crate) fn is_named_by(&self, if_none_match: &str) -> bool {
        if_none_match
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
    }
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal $content_type:ident $file:literal,)*) => {
        [$(($path, $content_type, include_bytes!(concat!("../../assets/", $file)).as_slice()),)*]
    };
}

/// Path of the request, content type, bytes.
const FILES: [(&str, &str, &[u8]); FILES_LEN] = files![
    "/" HTML "index.html",
    "/assets/style.css" CSS "style.css",
    "/assets/icon.svg" SVG "icon.svg",
    "/assets/app.js" JS "app.js",
    "/assets/budget.js" JS "budget.js",
    "/assets/card.js" JS "card.js",
    "/assets/chat.js" JS "chat.js",
    "/assets/endings.js" JS "endings.js",
    "/assets/line.js" JS "line.js",
    "/assets/picture.js" JS "picture.js",
    "/assets/stats.js" JS "stats.js",
    "/assets/transports.js" JS "transports.js",
    "/assets/tryit.js" JS "tryit.js",
];
const FILES_LEN: usize = 13;

static TAGS: LazyLock<[String; FILES_LEN]> = LazyLock::new(|| {
    FILES.map(|(_, _, body)| {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    })
});

/// The file at `path`, the path of the request's target: `/` or below `/assets/`. `None` is a 404.
pub(crate) fn asset(path: &str) -> Option<Asset> {
    let index = FILES.iter().position(|(name, ..)| *name == path)?;
    let (_, content_type, body) = FILES[index];
    Some(Asset { content_type, body, etag: &TAGS[index] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> &'static str {
        let asset = asset(path).expect(path);
        std::str::from_utf8(asset.body).expect("UTF-8")
    }

    #[test]
    fn every_file_the_page_names_is_there_with_its_type() {
        let page = text("/");
        let named: Vec<&str> = page.split(['"', '\'']).filter(|word| word.starts_with("/assets/")).collect();
        assert!(named.contains(&"/assets/app.js") && named.contains(&"/assets/style.css"));
        for path in named {
            assert!(asset(path).is_some(), "{path}");
        }
        assert_eq!(asset("/").map(|a| a.content_type), Some(HTML));
        assert_eq!(asset("/assets/app.js").map(|a| a.content_type), Some(JS));
    }

    #[test]
    fn every_module_that_is_imported_is_there_and_each_that_is_there_is_reached() {
        let mut reached = vec!["/assets/app.js".to_owned()];
        let mut next = 0;
        while let Some(path) = reached.get(next).cloned() {
            next += 1;
            for line in text(&path).lines().filter(|line| line.contains(" from \"./")) {
                let (_, rest) = line.split_once("\"./").expect("filtered for it");
                let name = rest.split('"').next().unwrap_or("");
                let import = format!("/assets/{name}");
                if !reached.contains(&import) {
                    reached.push(import);
                }
            }
        }
        let scripts = FILES.iter().filter(|(_, kind, _)| *kind == JS);
        assert_eq!(reached.len(), scripts.count(), "{reached:?}");
    }

    #[test]
    fn nothing_in_the_page_needs_more_than_the_policy_allows() {
        let page = text("/");
        for forbidden in ["<style", " style=", " onclick=", " onload=", "javascript:", "http://", "https://", "//cdn"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script type=\"module\" src=\"/assets/").count());
        for (path, kind, _) in FILES.iter().filter(|(_, kind, _)| *kind == JS) {
            for forbidden in ["innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text(path).contains(forbidden), "{forbidden} in {path} ({kind})");
            }
        }
    }

    #[test]
    fn tags_are_quoted_stable_and_differ_from_file_to_file() {
        let mut tags: Vec<_> = FILES.iter().filter_map(|(path, ..)| asset(path)).map(|a| a.etag).collect();
        assert!(tags.iter().all(|tag| tag.len() == 18 && tag.starts_with('"') && tag.ends_with('"')));
        assert_eq!(asset("/").map(|a| a.etag), Some(tags[0]));
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), FILES_LEN);
    }

    /// RFC 9110 §13.1.2
    #[test]
    fn if_none_match_is_a_list_compared_weakly() {
        let page = asset("/").expect("the page");
        let tag = page.etag;
        assert!(page.is_named_by(tag));
        assert!(page.is_named_by(&format!("\"x\", W/{tag}")));
        assert!(page.is_named_by("*"));
        assert!(!page.is_named_by("\"x\""));
        assert!(!page.is_named_by(""));
    }

    #[test]
    fn a_path_that_is_no_file_is_nothing() {
        for path in ["", "/assets/", "/assets/../Cargo.toml", "/assets/APP.JS", "/index.html", "//"] {
            assert!(asset(path).is_none(), "{path}");
        }
    }
}
