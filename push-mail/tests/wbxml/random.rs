//! Random documents.

use proptest::{collection::vec, prelude::*, sample::select};
use push_mail::wbxml::{Content, Element, Tag};

/// Documents of these tags, with these texts, and opaque bytes where they are wanted; as [`push_mail::wbxml::decode`] makes
/// them: without empty texts, or texts beside each other.
pub(crate) fn documents(tags: Vec<Tag>, texts: BoxedStrategy<String>, opaque: bool) -> impl Strategy<Value = Element> {
    let leaf = (select(tags.clone()), vec(pieces(texts.clone(), opaque), 0..3));
    leaf.prop_map(|(tag, content)| element(tag, content)).prop_recursive(6, 60, 8, move |inner| {
        let content = prop_oneof![4 => inner.prop_map(Content::Element), 1 => pieces(texts.clone(), opaque)];
        (select(tags.clone()), vec(content, 0..8)).prop_map(|(tag, content)| element(tag, content))
    })
}

fn pieces(texts: BoxedStrategy<String>, opaque: bool) -> BoxedStrategy<Content> {
    if !opaque {
        return texts.prop_map(Content::Text).boxed();
    }
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..300).prop_map(|bytes| Content::Opaque(bytes.into())),
        texts.clone().prop_map(|text| Content::Opaque(text.into())),
    ];
    prop_oneof![3 => texts.prop_map(Content::Text), 1 => bytes].boxed()
}

fn element(tag: Tag, content: Vec<Content>) -> Element {
    let mut element = Element::new(tag);
    for content in content {
        match (element.content.last_mut(), content) {
            (Some(Content::Text(before)), Content::Text(text)) => before.push_str(&text),
            (_, content) => element.content.push(content),
        }
    }
    element
}
