//! The bytes of a publication in each form, made anew each time: what the first delivery in a form costs.

use std::sync::Arc;
use std::time::Duration;

use push_core::{Budget, Publication};
use push_transports::proto::envelope::envelope;
use push_transports::proto::multipart::{ActiveTypes, Mixed};
use push_transports::proto::ndjson::Ndjson;
use push_transports::proto::operation;
use push_transports::proto::sse::Sse;
use push_transports::proto::stream::Encoder;
use push_transports::proto::websocket::{Deflater, Opcode, encode_frame};

use super::hub::{hub, publish, subscriber, text};
use super::{Operation, Work, work};

const SMALL: usize = 100;
const LARGE: usize = 16 << 10;

/// Forms of a small and of a large publication.
pub const OPERATIONS: &[Operation] = &[
    Operation::of_bytes("wire/sse block, 100 B", SMALL as u64, || streamed(sse(false), SMALL)),
    Operation::of_bytes("wire/sse block, 16 KiB", LARGE as u64, || streamed(sse(false), LARGE)),
    Operation::of_bytes("wire/sse json, 100 B", SMALL as u64, || streamed(sse(true), SMALL)),
    Operation::of_bytes("wire/sse json, 16 KiB", LARGE as u64, || streamed(sse(true), LARGE)),
    Operation::of_bytes("wire/ws frame, 100 B", SMALL as u64, || frame(SMALL)),
    Operation::of_bytes("wire/ws frame, 16 KiB", LARGE as u64, || frame(LARGE)),
    Operation::of_bytes("wire/ws frame deflated, 16 KiB", LARGE as u64, deflated),
    Operation::of_bytes("wire/ws operation, 100 B", SMALL as u64, || made(operation::publication, SMALL)),
    Operation::of_bytes("wire/ws operation, 16 KiB", LARGE as u64, || made(operation::publication, LARGE)),
    Operation::of_bytes("wire/ndjson line, 100 B", SMALL as u64, || streamed(Ndjson, SMALL)),
    Operation::of_bytes("wire/ndjson line, 16 KiB", LARGE as u64, || streamed(Ndjson, LARGE)),
    Operation::of_bytes("wire/json envelope, 100 B", SMALL as u64, || made(envelope, SMALL)),
    Operation::of_bytes("wire/json envelope, 16 KiB", LARGE as u64, || made(envelope, LARGE)),
    Operation::of_bytes("wire/multipart part, 100 B", SMALL as u64, || streamed(mixed(), SMALL)),
    Operation::of_bytes("wire/multipart part, 16 KiB", LARGE as u64, || streamed(mixed(), LARGE)),
];

fn sse(json: bool) -> Sse {
    Sse { json, retry: Duration::from_secs(1) }
}

fn mixed() -> Mixed {
    Mixed::new(1, false, ActiveTypes::default())
}

/// Text of so many bytes, published and read again. Its hub keeps no forms.
fn publication(len: usize) -> Arc<Publication> {
    let (hub, _) = hub();
    let mut reader = subscriber(&hub, &["room/*"]);
    publish(&hub, text(len));
    let batch = reader.read(Budget::default(), false);
    Arc::clone(batch.publications.first().expect("it was published"))
}

fn streamed(encoder: impl Encoder + 'static, len: usize) -> Work {
    let publication = publication(len);
    work(move || encoder.publication(&publication))
}

fn made<T>(make: impl Fn(&Arc<Publication>) -> T + 'static, len: usize) -> Work {
    let publication = publication(len);
    work(move || make(&publication))
}

fn frame(len: usize) -> Work {
    made(|publication| encode_frame(Opcode::Text, false, publication.payload()), len)
}

fn deflated() -> Work {
    let mut deflater = Deflater::new();
    let payload: String = (0..LARGE / 16).map(|at| format!("{{\"reading\":{at:04}}}")).collect();
    work(move || deflater.encode_frame(Opcode::Text, payload.as_bytes()).expect("it is shorter"))
}
