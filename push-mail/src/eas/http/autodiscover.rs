//! Autodiscover: a phone that knows an address and a password asks where the server is.
//!
//! ```text
//!  POST /autodiscover/autodiscover.xml    with a login; an answer in XML ([MS-ASCMD] 2.2.1.1)
//!  GET  /autodiscover/autodiscover.json   without one; it says where, and nothing of anybody ([MS-OXDISCO] v2)
//! ```

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, StatusCode};
use push_transports::proto::problem::Problem;
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::{PATH, answers, peer};
use crate::http::Site;

/// Where XML is asked for, and where JSON is; below the latter an address may stand.
const XML_PATH: &str = "/autodiscover/autodiscover.xml";
const JSON_PATH: &str = "/autodiscover/autodiscover.json";

/// Longest request, in bytes: an address and the name of a schema.
const MAX_BODY: usize = 16 * 1024;

/// Longest text of an element that is kept, in bytes.
const MAX_TEXT: usize = 1024;

/// The answer that phones accept.
const MOBILE_SYNC: &str = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";

/// Which form is asked for at a path, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Xml,
    Json,
}

impl Form {
    pub(super) fn of(path: &str) -> Option<Self> {
        let begins = |prefix: &str| path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let rest = path.get(JSON_PATH.len()..);
        match path.strip_suffix('/').unwrap_or(path) {
            path if path.eq_ignore_ascii_case(XML_PATH) => Some(Form::Xml),
            // `/v1.0/alice@example.org` may follow.
            _ if begins(JSON_PATH) && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => {
                Some(Form::Json)
            }
            _ => None,
        }
    }
}

/// Answers whoever asks where the server is.
pub(super) async fn answer(site: &Site, form: Form, request: Request) -> Result<Response, Problem> {
    let allowed = match form {
        Form::Xml => "POST",
        Form::Json => "GET, POST",
    };
    if !allowed.split(", ").any(|method| method == request.method().as_str()) {
        let mut response = answers::refusal(StatusCode::METHOD_NOT_ALLOWED, "this route knows other methods");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Ok(answers::whole(response));
    }
    let url = url(site, request.headers());
    let response = match form {
        Form::Xml => {
            site.log_in(request.headers(), peer(&request)).await?;
            let request = site.push.read_body(request, MAX_BODY).await?;
            typed("text/xml; charset=utf-8", StatusCode::OK, xml(request.body(), &url, site.mail.hub.clock().unix_ms()))
        }
        Form::Json => {
            let (status, json) = json(request.uri().query().unwrap_or_default(), &url);
            typed("application/json; charset=utf-8", status, json)
        }
    };
    Ok(answers::whole(response))
}

fn typed(media_type: &'static str, status: StatusCode, text: String) -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    response
}

/// Where this server is: as it is set, else where it was asked. What proxies say of themselves is not believed.
fn url(site: &Site, headers: &HeaderMap) -> String {
    if let Some(url) = &site.mail.eas.config.external_url {
        return url.clone();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let is_loopback = name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let scheme = if is_loopback { "http" } else { "https" };
    format!("{scheme}://{host}{PATH}")
}

/// What a request in XML says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    address: Option<String>,
    schema: Option<String>,
}

/// Reads the two elements that matter, wherever they are. `None` for what is no XML, or has a document type, which could
/// refer to anything.
fn read(body: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text.strip_prefix('\u{FEFF}').unwrap_or(text));
    let (mut asked, mut open, mut is_xml) = (Asked::default(), Vec::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                is_xml = true;
                open.push(start.local_name().as_ref().to_ascii_lowercase());
            }
            Event::End(_) => {
                open.pop()?;
            }
            Event::Text(text) => keep(&mut asked, open.last(), &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let named = quick_xml::escape::resolve_xml_entity(&reference).map(str::to_owned);
                let character = reference.resolve_char_ref().ok()?.map(String::from);
                keep(&mut asked, open.last(), &named.or(character)?);
            }
            Event::DocType(_) => return None,
            Event::Eof => return (is_xml && open.is_empty()).then_some(asked),
            _ => {}
        }
    }
}

fn keep(asked: &mut Asked, element: Option<&String>, text: &str) {
    let place = match element.map(String::as_str) {
        Some("emailaddress") => &mut asked.address,
        Some("acceptableresponseschema") => &mut asked.schema,
        _ => return,
    };
    let kept = place.get_or_insert_default();
    if kept.len() + text.len() <= MAX_TEXT {
        kept.push_str(text);
    }
}

/// The answer to a request in XML.
fn xml(body: &[u8], url: &str, unix_ms: u64) -> String {
    const INVALID: (u16, &str) = (600, "Invalid Request");
    const NOT_HERE: (u16, &str) = (601, "Provider is not available");
    let refused = |(code, message)| error(code, message, unix_ms);
    let Some(asked) = read(body) else { return refused(INVALID) };
    let text =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(address), Some(schema)) = (text(&asked.address), text(&asked.schema)) else { return refused(INVALID) };
    if !schema.eq_ignore_ascii_case(MOBILE_SYNC) {
        return refused(NOT_HERE);
    }
    let (address, url) = (escape(address.as_str()), escape(url));
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\">\
         <Response xmlns=\"{MOBILE_SYNC}\"><Culture>en:us</Culture>\
         <User><DisplayName>{address}</DisplayName><EMailAddress>{address}</EMailAddress></User>\
         <Action><Settings><Server><Type>MobileSync</Type><Url>{url}</Url><Name>{url}</Name></Server></Settings></Action>\
         </Response></Autodiscover>"
    )
}

/// [MS-OXDSCLI] 2.2.4.1.2: an error, at its time of day.
fn error(code: u16, message: &str, unix_ms: u64) -> String {
    let day_ms = unix_ms % 86_400_000;
    let (hours, minutes) = (day_ms / 3_600_000, day_ms / 60_000 % 60);
    let (seconds, fraction) = (day_ms / 1000 % 60, day_ms % 1000);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\"><Response>\
         <Error Time=\"{hours:02}:{minutes:02}:{seconds:02}.{fraction:03}\" Id=\"{unix_ms}\">\
         <ErrorCode>{code}</ErrorCode><Message>{message}</Message><DebugData /></Error></Response></Autodiscover>"
    )
}

/// The answer to a query for one protocol.
fn json(query: &str, url: &str) -> (StatusCode, String) {
    let protocol = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("protocol"))
        .map(|(_, value)| value.into_owned());
    let refused = |code: &str, message: String| {
        let json = serde_json::json!({"ErrorCode": code, "ErrorMessage": message});
        (StatusCode::BAD_REQUEST, json.to_string())
    };
    match protocol {
        Some(protocol) if protocol.eq_ignore_ascii_case("activesync") => {
            (StatusCode::OK, serde_json::json!({"Protocol": "ActiveSync", "Url": url}).to_string())
        }
        Some(protocol) => {
            let shown: String = protocol.chars().take(64).collect();
            refused(
                "InvalidProtocol",
                format!("the given protocol value '{shown}' is invalid; supported: 'ActiveSync'"),
            )
        }
        None => refused("MandatoryParameterMissing", "a valid value must be provided for 'Protocol'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://mail.example.org/Microsoft-Server-ActiveSync";

    fn request(address: &str, schema: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover \
             xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/mobilesync/requestschema/2006\"><Request>\
             <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>\
             </Request></Autodiscover>"
        )
    }

    #[test]
    fn paths_are_in_any_case() {
        for (path, form) in [
            ("/autodiscover/autodiscover.xml", Some(Form::Xml)),
            ("/Autodiscover/Autodiscover.xml", Some(Form::Xml)),
            ("/AUTODISCOVER/AUTODISCOVER.XML/", Some(Form::Xml)),
            ("/autodiscover/autodiscover.json", Some(Form::Json)),
            ("/autodiscover/autodiscover.json/v1.0/alice@example.org", Some(Form::Json)),
            ("/autodiscover/autodiscover.jsonx", None),
            ("/autodiscover/autodiscover.xml/x", None),
            ("/autodiscover/", None),
            ("/ü", None),
        ] {
            assert_eq!(Form::of(path), form, "{path}");
        }
    }

    #[test]
    fn who_accepts_what_phones_accept_is_told_where() {
        let told = xml(request("a&amp;b&#64;example.org", MOBILE_SYNC).as_bytes(), URL, 0);
        assert!(told.contains(&format!("<Type>MobileSync</Type><Url>{URL}</Url>")), "{told}");
        assert!(told.contains("<EMailAddress>a&amp;b@example.org</EMailAddress>"), "{told}");
        let prefixed = request("alice@example.org", MOBILE_SYNC).replace("EMailAddress", "r:EMailAddress");
        assert!(xml(prefixed.as_bytes(), URL, 0).contains("<Url>"));
    }

    #[test]
    fn another_schema_is_an_error_that_names_it() {
        let outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
        let told = xml(request("alice@example.org", outlook).as_bytes(), URL, 3_723_004);
        assert!(told.contains("<ErrorCode>601</ErrorCode>") && told.contains("Time=\"01:02:03.004\""), "{told}");
    }

    #[test]
    fn entities_and_what_is_no_request_are_refused() {
        let entity = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
        let with_entity = request("&x;", MOBILE_SYNC);
        for body in [
            String::new(),
            "nonsense".to_owned(),
            "<Autodiscover>".to_owned(),
            "<Autodiscover></Request>".to_owned(),
            "<Autodiscover/>".to_owned(),
            request("", MOBILE_SYNC),
            request("alice@example.org", ""),
            format!("{entity}{}", request("alice@example.org", MOBILE_SYNC)),
            with_entity,
        ] {
            assert!(xml(body.as_bytes(), URL, 0).contains("<ErrorCode>600</ErrorCode>"), "{body}");
        }
    }

    #[test]
    fn one_protocol_is_told_in_json_and_others_are_refused() {
        let (status, told) = json("Email=a%40b&protocol=activesync", URL);
        assert_eq!((status, told), (StatusCode::OK, format!("{{\"Protocol\":\"ActiveSync\",\"Url\":\"{URL}\"}}")));
        for (query, code) in [("", "MandatoryParameterMissing"), ("Protocol=Ews", "InvalidProtocol")] {
            let (status, told) = json(query, URL);
            assert!(status == StatusCode::BAD_REQUEST && told.contains(code), "{query}: {told}");
        }
    }
}
