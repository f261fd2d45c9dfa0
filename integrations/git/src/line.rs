//! The connections of one checkout, which another thread can hang up.
//!
//! libgit2 offers no way to stop while it connects and while it reads the list of references: only the connection can end
//! that. A server that sends one byte now and then is never silent, so that no time-out for silence ends it.

use std::{
    cell::RefCell,
    net::{Shutdown, TcpStream},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

thread_local! {
    static CURRENT: RefCell<Option<Line>> = const { RefCell::new(None) };
}

/// What connections are made over. Cheap to clone; all clones are one line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connections: Mutex<Connections>,
    /// How many more bytes may be received until the references are known.
    left_bytes: AtomicU64,
}

#[derive(Debug, Default)]
struct Connections {
    is_cut: bool,
    open: Vec<Weak<TcpStream>>,
}

/// Cuts the line when it is dropped.
#[derive(Debug)]
pub(crate) struct Cut(Line);

impl Line {
    /// The line that this thread connects over, if it is told.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Does the work, whose connections all go over this line.
    pub(crate) fn over<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let outcome = work();
        CURRENT.set(before);
        outcome
    }

    /// Hangs up, now and for every connection to come, once the guard is dropped.
    pub(crate) fn cut_when_dropped(&self) -> Cut {
        Cut(self.clone())
    }

    /// Notes a connection, which is hung up at once if the line is cut.
    pub(crate) fn note(&self, stream: &Arc<TcpStream>) {
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.is_cut {
            hang_up(stream);
        }
        connections.open.retain(|open| open.strong_count() > 0);
        connections.open.push(Arc::downgrade(stream));
    }

    /// Lets so many bytes be received until it is called again.
    pub(crate) fn allow(&self, bytes: u64) {
        self.0.left_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Whether more was received than was allowed.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.left_bytes.load(Ordering::Relaxed) == 0
    }

    /// Counts what was received. One thread at a time receives over a line.
    pub(crate) fn count(&self, bytes: u64) {
        let left = self.0.left_bytes.load(Ordering::Relaxed);
        self.allow(left.saturating_sub(bytes));
    }

    fn cut(&self) {
        let mut connections = self.0.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.is_cut = true;
        for stream in connections.open.drain(..).filter_map(|open| open.upgrade()) {
            hang_up(&stream);
        }
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self { connections: Mutex::default(), left_bytes: AtomicU64::new(u64::MAX) }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.cut();
    }
}

fn hang_up(stream: &TcpStream) {
    // It fails only if the other side has hung up before.
    let _ = stream.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpListener};

    use super::*;

    #[test]
    fn a_line_that_is_cut_ends_every_connection_also_a_later_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = || Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let (line, first, second) = (Line::default(), connect(), connect());
        line.note(&first);
        drop(line.cut_when_dropped());
        line.note(&second);
        for stream in [first, second] {
            assert_eq!((&*stream).read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_thread_connects_over_the_line_of_its_work_and_no_longer() {
        let line = Line::default();
        line.over(|| Line::current().unwrap().allow(1));
        assert!(Line::current().is_none() && !line.is_exhausted());
        line.count(2);
        assert!(line.is_exhausted());
    }
}
