//! Who hears of a file as early as anybody can: a thread that only reads what the system tells.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::Result;
use crate::clock::now_ns;

/// When each file was heard of.
pub(crate) struct Notices {
    heard: Receiver<(String, u64)>,
    at_ns: HashMap<String, u64>,
}

impl Notices {
    /// Listens for files that are moved into these directories.
    pub(crate) fn listen(directories: &[PathBuf]) -> Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC)?;
        for directory in directories {
            inotify::add_watch(&inotify, directory, WatchFlags::MOVED_TO)?;
        }
        let (sender, heard) = channel();
        std::thread::Builder::new().name("notices".to_owned()).spawn(move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            read(inotify::Reader::new(inotify, &mut buffer), &sender);
        })?;
        Ok(Self { heard, at_ns: HashMap::new() })
    }

    /// When the file of that name was heard of.
    pub(crate) fn heard_ns(&mut self, name: &str) -> Option<u64> {
        self.at_ns.extend(self.heard.try_iter());
        self.at_ns.remove(name)
    }
}

fn read<Fd: std::os::fd::AsFd>(mut reader: inotify::Reader<'_, Fd>, sender: &Sender<(String, u64)>) {
    loop {
        match reader.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => return,
            Ok(event) => {
                let at_ns = now_ns();
                let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if sender.send((name, at_ns)).is_err() {
                    return;
                }
            }
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
