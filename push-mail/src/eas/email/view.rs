//! How much of a message a device wants, and in which form.

use serde::{Deserialize, Serialize};

use crate::wbxml::Element;
use crate::wbxml::tags::{air_sync, air_sync_base};

/// Bytes that a `MIMETruncation` of 0 to 7 leaves; 8 leaves all ([MS-ASCMD] 2.2.3.112, MIMETruncation).
const MIME_TRUNCATION: [u32; 8] = [0, 4096, 5120, 7168, 10_240, 20_480, 51_200, 102_400];

/// A form that a body can have ([MS-ASAIRS] 2.2.2.41, Type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub(crate) enum Form {
    Text = 1,
    Html = 2,
    Rtf = 3,
    Mime = 4,
}

impl Form {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "1" => Some(Form::Text),
            "2" => Some(Form::Html),
            "3" => Some(Form::Rtf),
            "4" => Some(Form::Mime),
            _ => None,
        }
    }
}

/// A form that a device takes, and how much of it ([MS-ASAIRS] 2.2.2.12, BodyPreference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preference {
    pub(crate) form: Form,
    /// Bytes, `None` for all.
    pub(crate) truncation: Option<u32>,
    /// Rather none of it than a part.
    pub(crate) all_or_none: bool,
    /// Characters of plain text beside it.
    pub(crate) preview: Option<u8>,
}

impl Preference {
    /// All of it.
    pub(crate) const fn whole(form: Form) -> Self {
        Self { form, truncation: None, all_or_none: false, preview: None }
    }
}

/// Which messages are given as they came ([MS-ASCMD] 2.2.3.111, MIMESupport).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MimeSupport {
    #[default]
    Never,
    Smime,
    Always,
}

/// What a device wants of messages: remembered with the collection, since later requests leave it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    /// One a form, as the device lists them. None for plain text.
    pub(crate) bodies: Vec<Preference>,
    /// The same of the part that is new in a conversation: HTML alone.
    pub(crate) body_part: Option<Preference>,
    pub(crate) mime_support: MimeSupport,
    /// Bytes of a message that is given as it came where its preference says nothing, `None` for all.
    pub(crate) mime_truncation: Option<u32>,
}

/// Options that say nothing that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WrongView {
    /// Not what the protocol has: 4 of Sync, 2 of ItemOperations.
    Protocol,
    /// A part of a conversation in another form than HTML.
    BodyPartForm,
}

impl WrongView {
    /// The status of a command whose own word for a violation of the protocol is `protocol`.
    pub(crate) const fn status(self, protocol: u16) -> u16 {
        match self {
            WrongView::Protocol => protocol,
            // [MS-ASCMD] 2.2.2: 164, BodyPartPreferenceTypeNotSupported.
            WrongView::BodyPartForm => 164,
        }
    }
}

impl View {
    /// What `Options` say, those of Sync, ItemOperations or Search; what there is by default where there are none.
    pub(crate) fn parse(options: Option<&Element>) -> Result<Self, WrongView> {
        let mut view = View::default();
        let Some(options) = options else { return Ok(view) };
        for element in options.elements() {
            match element.tag {
                air_sync_base::BODY_PREFERENCE => {
                    let preference = preference(element, WrongView::Protocol)?;
                    // [MS-ASAIRS] 2.2.2.12: one for each type.
                    if view.bodies.iter().any(|other| other.form == preference.form) {
                        return Err(WrongView::Protocol);
                    }
                    view.bodies.push(preference);
                }
                air_sync_base::BODY_PART_PREFERENCE => {
                    let preference = preference(element, WrongView::BodyPartForm)?;
                    if preference.form != Form::Html {
                        return Err(WrongView::BodyPartForm);
                    }
                    view.body_part = Some(preference);
                }
                air_sync::MIME_SUPPORT => {
                    view.mime_support = match element.to_text().trim() {
                        "0" => MimeSupport::Never,
                        "1" => MimeSupport::Smime,
                        "2" => MimeSupport::Always,
                        _ => return Err(WrongView::Protocol),
                    };
                }
                air_sync::MIME_TRUNCATION => {
                    let place: usize = number(element)?;
                    view.mime_truncation = match place {
                        8 => None,
                        _ => Some(*MIME_TRUNCATION.get(place).ok_or(WrongView::Protocol)?),
                    };
                }
                _ => {}
            }
        }
        Ok(view)
    }

    /// The preference for a form, if the device has one.
    pub(crate) fn body(&self, form: Form) -> Option<&Preference> {
        self.bodies.iter().find(|preference| preference.form == form)
    }
}

fn number<T: std::str::FromStr>(element: &Element) -> Result<T, WrongView> {
    element.to_text().trim().parse().map_err(|_| WrongView::Protocol)
}

fn preference(element: &Element, wrong_form: WrongView) -> Result<Preference, WrongView> {
    let form = element.child_text(air_sync_base::TYPE).ok_or(WrongView::Protocol)?;
    let form = Form::parse(form.trim()).ok_or(wrong_form)?;
    let truncation: Option<u32> = element.child(air_sync_base::TRUNCATION_SIZE).map(number).transpose()?;
    let all_or_none = match element.child_text(air_sync_base::ALL_OR_NONE).as_deref().map(str::trim) {
        None | Some("0") => false,
        // An element without text says what it is called.
        Some("1" | "") => true,
        Some(_) => return Err(WrongView::Protocol),
    };
    let preview: Option<u32> = element.child(air_sync_base::PREVIEW).map(number).transpose()?;
    // [MS-ASAIRS] 2.2.2.35.4: at most 255 characters.
    let preview = preview.map(u8::try_from).transpose().map_err(|_| WrongView::Protocol)?;
    // [MS-ASAIRS] 2.2.2.3.2: without a size there is nothing that it could be too long for.
    Ok(Preference { form, truncation, all_or_none: all_or_none && truncation.is_some(), preview })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(children: &[Element]) -> Element {
        Element::new(air_sync::OPTIONS).with_all(children.iter().cloned())
    }

    fn body(children: &[(crate::wbxml::Tag, &str)]) -> Element {
        let texts = children.iter().map(|(tag, text)| Element::text(*tag, text));
        Element::new(air_sync_base::BODY_PREFERENCE).with_all(texts)
    }

    use air_sync_base::{ALL_OR_NONE, PREVIEW, TRUNCATION_SIZE, TYPE};

    #[test]
    fn options_are_read_as_they_are_meant_and_remembered_as_they_are_read() {
        let view = View::parse(Some(&options(&[
            Element::text(air_sync::FILTER_TYPE, 3),
            body(&[(TYPE, "1"), (TRUNCATION_SIZE, "500"), (ALL_OR_NONE, "1")]),
            body(&[(TYPE, "2"), (ALL_OR_NONE, "1"), (PREVIEW, "100")]),
            Element::text(air_sync::MIME_SUPPORT, 1),
            Element::text(air_sync::MIME_TRUNCATION, 3),
        ])));
        let view = view.expect("a view");
        let text = Preference { form: Form::Text, truncation: Some(500), all_or_none: true, preview: None };
        let html = Preference { preview: Some(100), ..Preference::whole(Form::Html) };
        assert_eq!(view.bodies, [text, html]);
        assert_eq!((view.mime_support, view.mime_truncation), (MimeSupport::Smime, Some(7168)));
        let json = serde_json::to_string(&view).expect("JSON");
        assert_eq!(serde_json::from_str::<View>(&json).expect("the same"), view);
        assert_eq!(View::parse(None), Ok(View::default()));
        let all = View::parse(Some(&options(&[Element::text(air_sync::MIME_TRUNCATION, 8)])));
        assert_eq!(all.expect("a view").mime_truncation, None);
    }

    /// [MS-ASAIRS] 2.2.2.11, 2.2.2.12 and [MS-ASCMD] 2.2.2 (164).
    #[test]
    fn options_that_are_wrong_are_refused() {
        let part = |form: &str| Element::new(air_sync_base::BODY_PART_PREFERENCE).with_text(TYPE, form);
        for (wrong, status) in [
            (vec![body(&[])], 4),
            (vec![body(&[(TYPE, "5")])], 4),
            (vec![body(&[(TYPE, "1")]), body(&[(TYPE, "1")])], 4),
            (vec![body(&[(TYPE, "1"), (TRUNCATION_SIZE, "-1")])], 4),
            (vec![body(&[(TYPE, "1"), (ALL_OR_NONE, "2")])], 4),
            (vec![body(&[(TYPE, "1"), (PREVIEW, "256")])], 4),
            (vec![Element::text(air_sync::MIME_SUPPORT, 3)], 4),
            (vec![Element::text(air_sync::MIME_TRUNCATION, 9)], 4),
            (vec![part("1")], 164),
            (vec![part("7")], 164),
        ] {
            let status_of = View::parse(Some(&options(&wrong))).map_err(|wrong| wrong.status(4));
            assert_eq!(status_of, Err(status), "{wrong:?}");
        }
        assert!(View::parse(Some(&options(&[part("2")]))).expect("a view").body_part.is_some());
    }
}
