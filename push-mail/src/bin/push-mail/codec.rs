//! `push-mail wbxml`: what devices and servers say, to be read and written by people.

use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use bytes::Bytes;
use clap::{Args, Subcommand};
use push_mail::wbxml::{Limits, decode_first, encode, from_xml, to_xml};

use crate::{Failed, print};

#[derive(Debug, Subcommand)]
pub(crate) enum Codec {
    /// Prints a document as XML
    Decode(File),
    /// Reads the XML that decode prints, and writes the document
    Encode(File),
}

#[derive(Debug, Args)]
pub(crate) struct File {
    /// What to read; standard input without it, or for -
    file: Option<PathBuf>,
    /// The document is in hexadecimal digits, two a byte, with white space anywhere between bytes
    #[arg(long)]
    hex: bool,
}

pub(crate) fn codec(codec: &Codec) -> Result<ExitCode, Failed> {
    match codec {
        Codec::Decode(file) => {
            let read = read(file.file.as_deref())?;
            let bytes = if file.hex { of_hex(&read).map_err(|error| in_file(file, &error))? } else { read.into() };
            let (root, length) = decode_first(&bytes, &limits()).map_err(|error| in_file(file, &error))?;
            print(&to_xml(&root));
            if length < bytes.len() {
                eprintln!("push-mail: left out what follows the document: {} bytes", bytes.len() - length);
            }
        }
        Codec::Encode(file) => {
            let xml = String::from_utf8(read(file.file.as_deref())?).map_err(|error| in_file(file, &error))?;
            let bytes = encode(&from_xml(&xml, &limits()).map_err(|error| in_file(file, &error))?);
            write(&bytes, file.hex)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// No stranger's document: room for any that a mail server sends.
fn limits() -> Limits {
    let mut limits = Limits::default();
    (limits.elements, limits.pieces) = (10_000_000, 10_000_000);
    (limits.text, limits.bytes) = (1 << 30, 1 << 30);
    limits
}

fn in_file(file: &File, error: &dyn std::fmt::Display) -> String {
    let name = file.file.as_deref().filter(|path| *path != Path::new("-"));
    name.map_or_else(|| format!("standard input: {error}"), |path| format!("{}: {error}", path.display()))
}

fn read(path: Option<&Path>) -> Result<Vec<u8>, Failed> {
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => Ok(std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => {
            let mut all = Vec::new();
            io::stdin().lock().read_to_end(&mut all).map_err(|error| format!("standard input: {error}"))?;
            Ok(all)
        }
    }
}

fn write(bytes: &[u8], hex: bool) -> Result<(), Failed> {
    if hex {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        print(&(digits.join(" ") + "\n"));
        return Ok(());
    }
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        return Err("a document is no text: --hex writes it as one, > FILE into a file".into());
    }
    let _gone = out.write_all(bytes).and_then(|()| out.flush());
    Ok(())
}

fn of_hex(digits: &[u8]) -> Result<Bytes, String> {
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(byte_of).collect()
}

fn byte_of(digits: &[u8]) -> Result<u8, String> {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    match digits {
        [high, low] => value(high).zip(value(low)).map(|(high, low)| (high << 4 | low) as u8),
        _ => None,
    }
    .ok_or_else(|| format!("\"{}\" is not two hexadecimal digits", String::from_utf8_lossy(digits).escape_debug()))
}
