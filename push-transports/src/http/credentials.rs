//! What a request shows to say who it is: `Authorization` before the token of the query.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use push_core::Credentials;

use crate::proto::params::Token;
use crate::proto::problem::{Code, Problem};

/// Reads `Authorization: Bearer` or `Basic`, else takes `token`.
///
/// # Errors
///
/// `unauthorized` for a header that is neither: taking the request as anonymous would hide the mistake.
pub(crate) fn read(headers: &HeaderMap, token: Option<&Token>) -> Result<Credentials, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(token.map_or(Credentials::None, |token| Credentials::Bearer(token.expose().to_owned())));
    };
    let unreadable = || Problem::new(Code::Unauthorized, "'Authorization' is neither 'Bearer <token>' nor 'Basic'");
    if values.next().is_some() {
        return Err(Problem::new(Code::Unauthorized, "'Authorization' is given more than once"));
    }
    let text = value.to_str().map_err(|_| unreadable())?;
    let (scheme, rest) = text.split_once(' ').ok_or_else(unreadable)?;
    let rest = rest.trim_matches(' ');
    // RFC 9110 §11.1: schemes are case-insensitive
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Ok(Credentials::Bearer(rest.to_owned()));
    }
    if scheme.eq_ignore_ascii_case("basic") {
        // RFC 7617 §2: user-id ":" password
        let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (user, secret) = decoded.as_deref().and_then(|text| text.split_once(':')).ok_or_else(unreadable)?;
        return Ok(Credentials::Basic { user: user.to_owned(), secret: secret.to_owned() });
    }
    Err(unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn the_header_wins_over_the_query() {
        let token = Token::new("q");
        assert_eq!(read(&HeaderMap::new(), Some(&token)), Ok(Credentials::Bearer("q".into())));
        assert_eq!(read(&with("bearer h"), Some(&token)), Ok(Credentials::Bearer("h".into())));
        let basic = Credentials::Basic { user: "Aladdin".into(), secret: "open sesame".into() };
        assert_eq!(read(&with("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), None), Ok(basic));
        assert_eq!(read(&HeaderMap::new(), None), Ok(Credentials::None));
    }

    #[test]
    fn a_header_of_another_kind_is_not_taken_for_nobody() {
        for value in ["Digest x", "Bearer", "Bearer ", "Basic !!", "Basic YQ==", "x"] {
            let refused = read(&with(value), Some(&Token::new("q"))).expect_err(value);
            assert_eq!(refused.code(), Code::Unauthorized, "{value}");
        }
    }
}
