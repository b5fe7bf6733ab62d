use std::cell::Cell;
use std::io;
use std::pin::Pin;

use actix_web::web::{Bytes, Payload};
use futures_channel::mpsc::{self, Receiver, Sender};
use futures_util::{SinkExt as _, Stream, StreamExt as _};

use super::{Input, Parts};
use crate::{Kind, Problem, Sketch};

/// A body as it comes, in parts: never held whole, and bounded by whoever takes it.
pub struct Upload(Receiver<io::Result<Bytes>>);

impl Upload {
    /// The parts. Ends with an error where the body broke off.
    pub fn into_parts(self) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
        Box::pin(self.0)
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upload(..)")
    }
}

impl Input for Upload {
    const STREAMS_BODY: bool = true;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        // An operation has one body: a second taker is a defect of its declaration.
        let stream = request.stream.take();
        stream.map(Self).ok_or_else(|| Problem::from(Kind::INTERNAL).because("no body to stream"))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.takes_bytes();
    }
}

/// A body that is read in one place and taken in another: what reads it stays with the connection,
/// what takes it may go wherever a `Send` can.
pub(crate) struct Conduit {
    sender: Sender<io::Result<Bytes>>,
}

impl Conduit {
    /// Both ends.
    pub(crate) fn open() -> (Self, Cell<Option<Receiver<io::Result<Bytes>>>>) {
        // One part waits at most, besides the one that is being read.
        let (sender, receiver) = mpsc::channel(0);
        (Self { sender }, Cell::new(Some(receiver)))
    }

    /// Carries the parts over, until the body ends or nobody takes them any more.
    pub(crate) async fn carry(mut self, payload: &mut Payload) {
        while let Some(part) = payload.next().await {
            let part = part.map_err(io::Error::other);
            let is_last = part.is_err();
            if self.sender.send(part).await.is_err() || is_last {
                return;
            }
        }
    }
}
