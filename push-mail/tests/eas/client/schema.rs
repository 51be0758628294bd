//! The order and number of what may be in an answer, from Microsoft's response schemas (the XSDs of its interoperability tests
//! and the tables of [MS-ASCMD], [MS-ASAIRS], [MS-ASEMAIL], [MS-ASCAL], [MS-ASCNTC], [MS-ASTASK], [MS-ASNOTE], [MS-ASPROV]).

use std::{collections::HashMap, sync::OnceLock};

use push_mail::wbxml::{Content, Element, Limits, Tag, from_xml};

/// What may be in an element: `page:name = content`, or `page:parent/name` where it is only so within that one.
///
/// Content is a list of elements in their order, or in any after `all`; `?` is at most one, `+` at least one, `*` any number,
/// nothing exactly one, `a|b` either. A name without a page is of the page of the rule. Or it is a text: `text`, `some` (not
/// empty), `id` (1 to 64 characters), `short` (0 to 64), `number` (with the ranges that are allowed), `flag` (0 or 1), `date`
/// (2026-11-22T08:00:00.000Z), `compact` (20261122T080000Z), `base64`, `empty`, `bytes` (opaque, or text). What no rule names
/// is a text. `item` is one of [`PROPERTIES`] or more, each once, in any order. A line that is indented goes on.
const RULES: &str = include_str!("rules.txt");

/// What an item may have; all of a page where only that is named.
const PROPERTIES: &str = "
    AirSyncBase:Body AirSyncBase:BodyPart AirSyncBase:Attachments AirSyncBase:NativeBodyType AirSyncBase:Location
    AirSyncBase:ContentType ItemOperations:Range ItemOperations:Total ItemOperations:Data ItemOperations:Part
    ItemOperations:Version Email:To Email:Cc Email:From Email:Subject Email:ReplyTo Email:DateReceived Email:DisplayTo
    Email:ThreadTopic Email:Importance Email:Read Email:MessageClass Email:MeetingRequest Email:InternetCPID Email:Flag
    Email:ContentClass Email:Categories Email2:UmCallerID Email2:UmUserNotes Email2:ConversationId Email2:Sender
    Email2:ConversationIndex Email2:LastVerbExecuted Email2:LastVerbExecutionTime Email2:ReceivedAsBcc Email2:AccountId
    Email2:MeetingMessageType Email2:Bcc Email2:IsDraft Calendar: Contacts: Contacts2: Tasks: Notes: GAL:
    Find:Preview Find:HasAttachments Find:DisplayCc Find:DisplayBcc RightsManagement:RightsManagementLicense
";

/// The answers that there are.
const ROOTS: [&str; 19] = [
    "AirSync:Sync",
    "ComposeMail:SendMail",
    "ComposeMail:SmartForward",
    "ComposeMail:SmartReply",
    "Find:Find",
    "FolderHierarchy:FolderCreate",
    "FolderHierarchy:FolderDelete",
    "FolderHierarchy:FolderSync",
    "FolderHierarchy:FolderUpdate",
    "GetItemEstimate:GetItemEstimate",
    "ItemOperations:ItemOperations",
    "MeetingResponse:MeetingResponse",
    "Move:MoveItems",
    "Ping:Ping",
    "Provision:Provision",
    "ResolveRecipients:ResolveRecipients",
    "Search:Search",
    "Settings:Settings",
    "ValidateCert:ValidateCert",
];

/// Whether an answer's document is one that a device expects; what is wrong, and where, otherwise.
pub(crate) fn check(root: &Element) -> Result<(), String> {
    let name = name(root)?;
    if !ROOTS.contains(&name.as_str()) {
        return Err(format!("{name} is no answer"));
    }
    element(root, &name, "").map_err(|wrong| format!("{name}{wrong}"))
}

/// What is wrong begins with where it is: `/Page:Element...: what`.
fn element(element: &Element, name: &str, parent: &str) -> Result<(), String> {
    let rule = rule(name, parent);
    match rule {
        Rule::Text(form) => text(element, form).map_err(|what| format!(": {what}")),
        Rule::Item => children(element, name, item),
        Rule::Sequence(particles) => children(element, name, |names| sequence(names, particles)),
        Rule::All(particles) => children(element, name, |names| all(names, particles)),
    }
}

fn children(parent: &Element, name: &str, content: impl FnOnce(&[String]) -> Result<(), String>) -> Result<(), String> {
    if let Some(said) = parent.content.iter().find(|content| !matches!(content, Content::Element(_))) {
        return Err(format!(": {said:?} beside elements"));
    }
    let names: Vec<String> = parent.elements().map(self::name).collect::<Result<_, _>>()?;
    content(&names).map_err(|what| format!(": {what}, of {}", names.join(" ")))?;
    for (child, child_name) in parent.elements().zip(&names) {
        element(child, child_name, name).map_err(|wrong| format!("/{child_name}{wrong}"))?;
    }
    Ok(())
}

fn name(element: &Element) -> Result<String, String> {
    let tag = element.tag;
    match tag.namespace().zip(tag.name()) {
        Some((page, name)) => Ok(format!("{page}:{name}")),
        None => Err(format!(": there is no tag {tag:?}")),
    }
}

#[derive(Debug)]
enum Rule {
    Text(&'static str),
    Item,
    Sequence(Vec<Particle>),
    All(Vec<Particle>),
}

#[derive(Debug)]
struct Particle {
    /// Any of these.
    names: Vec<String>,
    least: usize,
    most: usize,
}

impl Particle {
    fn count(&self, names: &[String]) -> usize {
        names.iter().filter(|name| self.names.contains(name)).count()
    }

    fn allows(&self, count: usize) -> Result<(), String> {
        match (self.least..=self.most).contains(&count) {
            true => Ok(()),
            false => Err(format!("{count} of {} instead of {}..={}", self.names.join("|"), self.least, self.most)),
        }
    }
}

fn sequence(names: &[String], particles: &[Particle]) -> Result<(), String> {
    let mut rest = names;
    for particle in particles {
        let count = rest.iter().take_while(|name| particle.names.contains(name)).count();
        particle.allows(count)?;
        rest = &rest[count..];
    }
    rest.first().map_or(Ok(()), |name| Err(format!("{name} is not expected, or not there")))
}

fn all(names: &[String], particles: &[Particle]) -> Result<(), String> {
    if let Some(name) = names.iter().find(|name| !particles.iter().any(|particle| particle.names.contains(name))) {
        return Err(format!("{name} is not expected"));
    }
    particles.iter().try_for_each(|particle| particle.allows(particle.count(names)))
}

fn item(names: &[String]) -> Result<(), String> {
    let listed = |name: &str| {
        PROPERTIES
            .split_whitespace()
            .any(|property| name == property || property.ends_with(':') && name.starts_with(property))
    };
    for (at, name) in names.iter().enumerate() {
        if !listed(name) {
            return Err(format!("{name} is no property of an item"));
        }
        if names[..at].contains(name) {
            return Err(format!("{name} twice"));
        }
    }
    Ok(())
}

fn text(element: &Element, form: &str) -> Result<(), String> {
    if let Some(child) = element.elements().next() {
        return Err(format!("{:?} in a text", child.tag));
    }
    let is_bytes = element.content.iter().any(|content| matches!(content, Content::Opaque(_)));
    let text = element.to_text();
    let mut words = form.split(' ');
    let fits = match words.next().unwrap_or_default() {
        "bytes" => return Ok(()),
        _ if is_bytes => return Err("opaque bytes instead of a text".to_owned()),
        "text" => true,
        "some" => !text.is_empty(),
        "id" => (1..=64).contains(&text.chars().count()),
        "short" => text.chars().count() <= 64,
        "empty" => text.is_empty(),
        "flag" => text == "0" || text == "1",
        "number" => text.parse().is_ok_and(|number| in_ranges(number, words)),
        "date" => is_like(&text, "0000-00-00T00:00:00.000Z"),
        "compact" => is_like(&text, "00000000T000000Z"),
        "base64" => {
            text.len().is_multiple_of(4) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
        }
        _ => unreachable!("no such form: {form}"),
    };
    if fits { Ok(()) } else { Err(format!("\"{text}\" instead of {form}")) }
}

/// Whether it is in one of the ranges, if there are any: `1`, `2-5`, `6-`.
fn in_ranges<'a>(number: u64, ranges: impl Iterator<Item = &'a str>) -> bool {
    let mut ranges = ranges.peekable();
    let bound = |digits: &str| digits.parse().ok();
    ranges.peek().is_none()
        || ranges.any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            bound(first).is_none_or(|first| first <= number) && bound(last).is_none_or(|last| number <= last)
        })
}

/// Whether digits are where the pattern has 0, and all else is the same.
fn is_like(text: &str, pattern: &str) -> bool {
    let same = |(text, pattern): (u8, u8)| if pattern == b'0' { text.is_ascii_digit() } else { text == pattern };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(same)
}

/// The rule for an element; what is only so within its parent goes first.
fn rule(name: &str, parent: &str) -> &'static Rule {
    static PARSED: OnceLock<HashMap<String, Rule>> = OnceLock::new();
    static TEXT: Rule = Rule::Text("text");
    let rules = PARSED.get_or_init(parse);
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    rules.get(&format!("{parent}/{local}")).or_else(|| rules.get(name)).unwrap_or(&TEXT)
}

fn parse() -> HashMap<String, Rule> {
    let joined = RULES.replace("\n    ", " ");
    // Kept as long as the test runs: texts of rules are borrowed from it.
    let joined: &'static str = Box::leak(joined.into_boxed_str());
    let lines = joined.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, content) = line.split_once(" = ").unwrap_or_else(|| panic!("no rule: {line}"));
            let page = name.split(':').next().unwrap_or_default();
            (name.to_owned(), parse_content(content, page))
        })
        .collect()
}

fn parse_content(content: &'static str, page: &str) -> Rule {
    let particles = |list: &str| list.split(' ').map(|word| parse_particle(word, page)).collect();
    match content.split_once(' ') {
        _ if content == "item" => Rule::Item,
        Some(("all", list)) => Rule::All(particles(list)),
        _ if content.starts_with(char::is_lowercase) => Rule::Text(content),
        _ => Rule::Sequence(particles(content)),
    }
}

fn parse_particle(word: &str, page: &str) -> Particle {
    let (names, least, most) = match word.split_at(word.len() - 1) {
        (names, "?") => (names, 0, 1),
        (names, "+") => (names, 1, usize::MAX),
        (names, "*") => (names, 0, usize::MAX),
        _ => (word, 1, 1),
    };
    let full = |name: &str| if name.contains(':') { name.to_owned() } else { format!("{page}:{name}") };
    Particle { names: names.split('|').map(full).collect(), least, most }
}

#[test]
fn each_rule_is_of_tags_that_there_are() {
    let is_tag = |name: &str| name.split_once(':').is_some_and(|(page, name)| Tag::find(page, name).is_some());
    for (name, rule) in parse() {
        let (page, path) = name.split_once(':').unwrap();
        path.split('/').for_each(|part| assert!(is_tag(&format!("{page}:{part}")), "{name}"));
        if let Rule::Sequence(particles) | Rule::All(particles) = rule {
            particles.iter().flat_map(|particle| &particle.names).for_each(|child| assert!(is_tag(child), "{child}"));
        }
    }
    PROPERTIES.split_whitespace().filter(|name| !name.ends_with(':')).for_each(|name| assert!(is_tag(name), "{name}"));
    assert!(ROOTS.iter().all(|root| parse().contains_key(*root)));
}

#[test]
fn answers_are_judged_by_order_number_and_form() {
    let judged = |xml: &str| check(&from_xml(xml, &Limits::default()).unwrap());
    assert_eq!(judged("<Ping xmlns='Ping'><Status>2</Status><Folders><Folder>5</Folder></Folders></Ping>"), Ok(()));
    for (xml, wrong) in [
        ("<Ping xmlns='Ping'/>", "0 of Ping:Status instead of 1..=1"),
        ("<Ping xmlns='Ping'><Status>9</Status></Ping>", "\"9\" instead of number 1-8 101-177"),
        ("<Ping xmlns='Ping'><Status>1</Status><Folders/></Ping>", "0 of Ping:Folder"),
        ("<Ping xmlns='Ping'><MaxFolders>9</MaxFolders><Status>6</Status></Ping>", "0 of Ping:Status"),
        ("<Ping xmlns='Ping'><Status>1</Status>x</Ping>", "beside elements"),
        ("<Ping xmlns='Ping'><Status>1</Status><Id>5</Id></Ping>", "Ping:Id is not expected"),
        ("<Folders xmlns='Ping'/>", "Ping:Folders is no answer"),
        (
            "<Sync xmlns='AirSync'><Collections><Collection><SyncKey>1</SyncKey><CollectionId>1</CollectionId>\
             <Status>1</Status><Commands><Add><ServerId>1:1</ServerId><ApplicationData>\
             <DateReceived xmlns='Email'>2026-11-22</DateReceived></ApplicationData></Add></Commands>\
             </Collection></Collections></Sync>",
            "ApplicationData/Email:DateReceived: \"2026-11-22\" instead of date",
        ),
    ] {
        let said = judged(xml).expect_err(xml);
        assert!(said.contains(wrong), "{said}");
    }
}
