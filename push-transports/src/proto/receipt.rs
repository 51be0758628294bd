//! What a publisher is answered: results, error lines, and several of them together (wire.md §6).

use push_core::Receipt;

use super::json;
use super::problem::Problem;

/// Appends `{"channel","id","offset","subscribers"}`, and `"duplicate":true` where it is one.
pub fn write_receipt(out: &mut Vec<u8>, receipt: &Receipt) {
    out.push(b'{');
    json::push_member(out, "channel", receipt.channel.as_str());
    out.push(b',');
    write_receipt_members(out, receipt);
    out.extend_from_slice(b",\"subscribers\":");
    json::push_number(out, receipt.subscribers as u64);
    out.push(b'}');
}

/// Appends `"id","offset"` and `duplicate`: what an operation is answered too.
pub(crate) fn write_receipt_members(out: &mut Vec<u8>, receipt: &Receipt) {
    out.extend_from_slice(b"\"id\":\"");
    receipt.id.write_to(out);
    out.extend_from_slice(b"\",\"offset\":");
    json::push_number(out, receipt.offset);
    if receipt.duplicate {
        out.extend_from_slice(b",\"duplicate\":true");
    }
}

/// Appends an error line or failed result: `{"channel","status","code","detail"}`, without `channel` where none could
/// be read.
pub fn write_failure(out: &mut Vec<u8>, channel: Option<&str>, problem: &Problem) {
    out.push(b'{');
    if let Some(channel) = channel {
        json::push_member(out, "channel", channel);
        out.push(b',');
    }
    json::push_name(out, "status");
    json::push_number(out, u64::from(problem.status().as_u16()));
    out.push(b',');
    json::push_member(out, "code", problem.code().as_str());
    out.push(b',');
    json::push_member(out, "detail", problem.detail());
    out.push(b'}');
}

/// Appends `{"results":[...]}`, one after another as `write` appends them.
pub fn write_results<T>(out: &mut Vec<u8>, results: impl IntoIterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    out.extend_from_slice(b"{\"results\":[");
    for (at, result) in results.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, result);
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::notice::tests::cursor;
    use crate::proto::problem::Code;
    use push_core::ChannelName;
    use serde_json::{Value, json};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut out = Vec::new();
        write(&mut out);
        assert!(!out.contains(&b'\n'), "one line");
        serde_json::from_slice(&out).expect("JSON")
    }

    fn receipt() -> Receipt {
        let channel = ChannelName::parse("a\"b").expect("a name");
        Receipt { channel, id: cursor(4), offset: 2, subscribers: 3, duplicate: false }
    }

    #[test]
    fn a_receipt_says_channel_id_offset_and_subscribers() {
        let id = cursor(4).to_string();
        let first = written(|out| write_receipt(out, &receipt()));
        assert_eq!(first, json!({ "channel": "a\"b", "id": id, "offset": 2, "subscribers": 3 }));
        let again = written(|out| write_receipt(out, &Receipt { duplicate: true, ..receipt() }));
        assert_eq!(again["duplicate"], true);
    }

    #[test]
    fn a_failure_says_channel_status_code_and_detail() {
        let problem = Problem::new(Code::Forbidden, "no grant\n");
        let told = written(|out| write_failure(out, Some("a"), &problem));
        assert_eq!(told, json!({ "channel": "a", "status": 403, "code": "forbidden", "detail": "no grant\n" }));
        assert!(written(|out| write_failure(out, None, &problem)).get("channel").is_none());
    }

    #[test]
    fn several_results_stand_in_the_order_asked() {
        let results = [Ok(receipt()), Err(Problem::new(Code::Storage, "full"))];
        let told = written(|out| {
            write_results(out, &results, |out, result| match result {
                Ok(receipt) => write_receipt(out, receipt),
                Err(problem) => write_failure(out, Some("b"), problem),
            });
        });
        assert_eq!((&told["results"][0]["offset"], &told["results"][1]["status"]), (&json!(2), &json!(503)));
        assert_eq!(written(|out| write_results(out, [(); 0], |_, ()| ())), json!({ "results": [] }));
    }
}
