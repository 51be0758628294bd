//! SendMail, SmartReply and SmartForward ([MS-ASCMD] 2.2.1.17, 2.2.1.19, 2.2.1.20).

use push_mail::wbxml::Element;
use push_mail::wbxml::tags::compose_mail as c;

use super::Phone;

/// A message as a phone writes one.
pub(crate) fn message(to: &str, subject: &str, text: &str) -> Vec<u8> {
    format!(
        "From: alice@example.org\r\nTo: {to}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    )
    .into_bytes()
}

impl Phone {
    /// The status of the command; `None` where nothing was said, which is success.
    pub(crate) async fn compose(&mut self, command: &'static str, request: &Element) -> Option<u16> {
        let answer = self.command(command, Some(request)).await;
        assert_eq!(answer.http, 200, "{answer:?}");
        let status = answer.status();
        assert_eq!(status.is_none(), answer.document.is_none(), "{answer:?}");
        assert_ne!(status, Some(1), "success says nothing: {answer:?}");
        status
    }

    pub(crate) async fn send_mail(&mut self, client_id: &str, mime: Vec<u8>, save: bool) -> Option<u16> {
        let mut request = Element::new(c::SEND_MAIL).with_text(c::CLIENT_ID, client_id);
        if save {
            request.push(Element::new(c::SAVE_IN_SENT_ITEMS));
        }
        self.compose("SendMail", &request.with(Element::opaque(c::MIME, mime))).await
    }

    /// `command` is `SmartReply` or `SmartForward`.
    pub(crate) async fn smart(
        &mut self,
        command: &'static str,
        (folder, item): (&str, &str),
        mime: Vec<u8>,
    ) -> Option<u16> {
        let tag = if command == "SmartReply" { c::SMART_REPLY } else { c::SMART_FORWARD };
        let client_id = self.client_id();
        let source = Element::new(c::SOURCE).with_text(c::FOLDER_ID, folder).with_text(c::ITEM_ID, item);
        let request = Element::new(tag)
            .with_text(c::CLIENT_ID, client_id)
            .with(source)
            .with(Element::new(c::SAVE_IN_SENT_ITEMS))
            .with(Element::opaque(c::MIME, mime));
        self.compose(command, &request).await
    }
}
