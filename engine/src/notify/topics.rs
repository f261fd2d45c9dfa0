//! The topics that this process listens to, counted, each with the channel to its listeners.
//!
//! With a broker above, this is also the list of what its connection should be subscribed to.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, broadcast, oneshot};

use super::{Delivery, GapCause, Subscription, Topic};

/// What passes messages on to these topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upstream {
    /// Nothing: publishers are in this process.
    None,
    /// A broker that is away, or whose connection is not yet subscribed to everything.
    Down,
    /// A broker whose connection follows the list.
    Up,
}

/// A subscription, and what to await before its topic is sure to deliver.
pub(super) struct Joined {
    pub(super) subscription: Subscription,
    /// Resolves, also with an error, when there is nothing more to wait for.
    pub(super) confirmation: Option<oneshot::Receiver<()>>,
}

/// A topic whose listeners came or went since the list was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Wanted(Topic),
    Unwanted(Topic),
}

#[derive(Debug)]
pub(super) struct Topics {
    state: Mutex<State>,
    /// Holds a permit while `changed` may have something.
    changed: Notify,
    buffer_messages: usize,
}

#[derive(Debug)]
struct State {
    upstream: Upstream,
    entries: HashMap<Topic, Entry>,
    /// A set, so that listeners who come and go quickly cannot make it longer than the topics they name.
    changed: HashSet<Topic>,
}

#[derive(Debug)]
struct Entry {
    sender: broadcast::Sender<Delivery>,
    subscriptions: usize,
    confirmation: Confirmation,
}

#[derive(Debug)]
enum Confirmation {
    Confirmed,
    Waiting(Vec<oneshot::Sender<()>>),
}

impl Topics {
    pub(super) fn new(upstream: Upstream, buffer_messages: usize) -> Arc<Self> {
        let state = State { upstream, entries: HashMap::new(), changed: HashSet::new() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), buffer_messages })
    }

    /// Adds a listener.
    pub(super) fn join(self: &Arc<Self>, topic: &Topic) -> Joined {
        let mut state = self.lock();
        let State { upstream, entries, changed } = &mut *state;
        let entry = match entries.entry(topic.clone()) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(vacant) => {
                if *upstream != Upstream::None {
                    changed.insert(topic.clone());
                    self.changed.notify_one();
                }
                vacant.insert(Entry::new(*upstream, self.buffer_messages))
            }
        };
        entry.subscriptions += 1;
        let confirmation = match (&upstream, &mut entry.confirmation) {
            (Upstream::Up, Confirmation::Waiting(waiters)) => {
                // Those who gave up meanwhile must not pile up on a topic that others hold.
                waiters.retain(|waiter| !waiter.is_closed());
                let (confirm, confirmation) = oneshot::channel();
                waiters.push(confirm);
                Some(confirmation)
            }
            _ => None,
        };
        let receiver = entry.sender.subscribe();
        let subscription = Subscription { receiver, topic: topic.clone(), topics: Arc::clone(self) };
        Joined { subscription, confirmation }
    }

    /// Takes a listener away; the last one takes the topic along.
    pub(super) fn leave(&self, topic: &Topic) {
        let mut state = self.lock();
        let Some(entry) = state.entries.get_mut(topic) else { return };
        entry.subscriptions -= 1;
        if entry.subscriptions > 0 {
            return;
        }
        state.entries.remove(topic);
        if state.upstream != Upstream::None {
            state.changed.insert(topic.clone());
            self.changed.notify_one();
        }
    }

    /// Passes a message to the listeners of a topic, if there are any.
    pub(super) fn deliver(&self, topic: &Topic, message: bytes::Bytes) {
        if let Some(entry) = self.lock().entries.get(topic) {
            entry.send(Delivery::Message(message));
        }
    }

    /// Waits until [`Self::take_changes`] may return something.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes at most so many changes off the list.
    pub(super) fn take_changes(&self, limit: usize) -> Vec<Change> {
        let mut state = self.lock();
        let taken: Vec<Topic> = state.changed.iter().take(limit).cloned().collect();
        let change = |topic: Topic| {
            state.changed.remove(&topic);
            if state.entries.contains_key(&topic) { Change::Wanted(topic) } else { Change::Unwanted(topic) }
        };
        taken.into_iter().map(change).collect()
    }

    /// The broker delivers these topics now.
    pub(super) fn confirm<'topic>(&self, topics: impl IntoIterator<Item = &'topic Topic>) {
        let mut state = self.lock();
        for topic in topics {
            let Some(entry) = state.entries.get_mut(topic) else { continue };
            entry.confirm();
        }
    }

    /// Ends the time without a broker, unless topics were added since the last [`Self::take_changes`]: every
    /// listener receives a gap. Tells whether it did.
    pub(super) fn mark_up_if_settled(&self) -> bool {
        let mut state = self.lock();
        if state.changed.is_empty() {
            state.upstream = Upstream::Up;
            for entry in state.entries.values() {
                entry.send(Delivery::Gap(GapCause::LostBroker));
            }
        }
        state.upstream == Upstream::Up
    }

    /// Starts a time without a broker: confirmations are no longer awaited, and every topic is to be subscribed again.
    pub(super) fn mark_down(&self) {
        let mut state = self.lock();
        let State { upstream, entries, changed } = &mut *state;
        *upstream = Upstream::Down;
        changed.clear();
        for (topic, entry) in entries {
            // Dropping the waiters lets their subscribers go; the gap follows when the broker is back.
            entry.confirmation = Confirmation::Waiting(Vec::new());
            changed.insert(topic.clone());
        }
        self.changed.notify_one();
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything in it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(upstream: Upstream, buffer_messages: usize) -> Self {
        let confirmation = match upstream {
            Upstream::None => Confirmation::Confirmed,
            Upstream::Down | Upstream::Up => Confirmation::Waiting(Vec::new()),
        };
        Self { sender: broadcast::Sender::new(buffer_messages), subscriptions: 0, confirmation }
    }

    fn send(&self, delivery: Delivery) {
        // The error says that no receiver is left; the topic is about to go.
        let _ = self.sender.send(delivery);
    }

    fn confirm(&mut self) {
        if let Confirmation::Waiting(waiters) =
            std::mem::replace(&mut self.confirmation, Confirmation::Confirmed)
        {
            for waiter in waiters {
                // The error says that the subscriber gave up waiting.
                let _ = waiter.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunId;

    #[test]
    fn a_topic_that_left_and_came_back_is_one_change() {
        let topics = Topics::new(Upstream::Down, 4);
        let topic = Topic::Run(RunId::new());
        drop(topics.join(&topic));
        let again = topics.join(&topic);

        assert_eq!(topics.take_changes(10), [Change::Wanted(topic.clone())]);
        drop(again);
        assert_eq!(topics.take_changes(10), [Change::Unwanted(topic)]);
        assert_eq!(topics.take_changes(10), []);
        assert_eq!(topics.count(), 0);
    }

    #[test]
    fn nobody_waits_for_a_broker_that_is_down() {
        let topics = Topics::new(Upstream::Down, 4);
        assert!(topics.join(&Topic::Run(RunId::new())).confirmation.is_none());
    }

    #[test]
    fn a_lost_broker_releases_those_who_wait() {
        let topics = Topics::new(Upstream::Down, 4);
        assert!(topics.mark_up_if_settled());
        let mut joined = topics.join(&Topic::Run(RunId::new()));
        let confirmation = joined.confirmation.as_mut().expect("the broker is up");
        assert_eq!(confirmation.try_recv(), Err(oneshot::error::TryRecvError::Empty));

        topics.mark_down();
        assert_eq!(confirmation.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(joined.subscription.try_recv(), None);
    }

    #[test]
    fn the_gap_waits_until_every_topic_was_taken() {
        let topics = Topics::new(Upstream::Down, 4);
        let mut subscription = topics.join(&Topic::Run(RunId::new())).subscription;
        assert!(!topics.mark_up_if_settled());
        assert_eq!(subscription.try_recv(), None);

        assert_eq!(topics.take_changes(10).len(), 1);
        assert!(topics.mark_up_if_settled());
        assert_eq!(subscription.try_recv(), Some(Delivery::Gap(GapCause::LostBroker)));
    }
}
