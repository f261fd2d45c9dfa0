//! What every bus must do, written once and run over each of them.

use std::{fmt, time::Duration};

use bytes::Bytes;

use super::{
    Bus, Delivery, GapCause, InProcessBus, LISTENER_BUFFER_MESSAGES, Subscription, Topic, topics::Topics,
};
use crate::ids::{Namespace, RunId, TaskQueue, WorkerId};

/// No delivery takes this long; it only turns a hang into a failure.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// A bus under test, with whatever has to stay alive for it.
pub(super) trait Fixture {
    type Bus: Bus;
    fn bus(&self) -> &Self::Bus;
    fn topics(&self) -> &Topics;
}

/// Runs the suite in a module of this name over what the expression makes.
macro_rules! bus_suite {
    ($name:ident, $fixture:expr) => {
        mod $name {
            use super::*;

            #[tokio::test]
            async fn every_listener_of_a_topic_receives_its_messages_in_order() {
                $crate::notify::tests::messages_in_order(&$fixture.await).await;
            }

            #[tokio::test]
            async fn topics_do_not_mix() {
                $crate::notify::tests::topics_do_not_mix(&$fixture.await).await;
            }

            #[tokio::test]
            async fn a_listener_hears_nothing_from_before_it_joined() {
                $crate::notify::tests::nothing_from_before(&$fixture.await).await;
            }

            #[tokio::test]
            async fn a_slow_listener_receives_a_gap_and_then_the_newest() {
                $crate::notify::tests::slow_listener(&$fixture.await).await;
            }

            #[tokio::test]
            async fn publishing_without_listeners_is_no_fault() {
                $crate::notify::tests::no_listeners(&$fixture.await).await;
            }

            #[tokio::test]
            async fn topics_are_counted_and_go_with_their_last_listener() {
                $crate::notify::tests::reference_counts(&$fixture.await).await;
            }

            #[tokio::test]
            async fn a_canceled_recv_takes_nothing() {
                $crate::notify::tests::canceled_recv(&$fixture.await).await;
            }
        }
    };
}
pub(super) use bus_suite;

struct InProcess(InProcessBus);

impl Fixture for InProcess {
    type Bus = InProcessBus;

    fn bus(&self) -> &InProcessBus {
        &self.0
    }

    fn topics(&self) -> &Topics {
        self.0.topics()
    }
}

bus_suite!(in_process, async { InProcess(InProcessBus::new()) });

#[tokio::test]
async fn in_process_listens_before_the_future_is_polled() {
    let bus = InProcessBus::new();
    let joining = bus.subscribe(&run());
    assert_eq!(bus.topics().count(), 1);
    drop(joining);
    assert_eq!(bus.topics().count(), 0);
}

#[tokio::test]
async fn a_subscription_outlives_its_bus_and_is_silent() {
    let bus = InProcessBus::new();
    let mut subscription = bus.subscribe(&run()).await;
    drop(bus);
    assert!(futures_util::FutureExt::now_or_never(subscription.recv()).is_none());
}

pub(super) async fn messages_in_order(fixture: &impl Fixture) {
    let (bus, topic) = (fixture.bus(), run());
    let mut first = bus.subscribe(&topic).await;
    let mut second = bus.subscribe(&topic).await;
    for number in 0..10 {
        bus.publish(&topic, text(number));
    }
    for number in 0..10 {
        assert_eq!(next(&mut first).await, message(number));
        assert_eq!(next(&mut second).await, message(number));
    }
}

pub(super) async fn topics_do_not_mix(fixture: &impl Fixture) {
    let bus = fixture.bus();
    let namespace = Namespace::trusted("default");
    let queue = |name| Topic::TaskQueue { namespace: namespace.clone(), name: TaskQueue::trusted(name) };
    let topics = [
        run(),
        run(),
        Topic::Worker(WorkerId::new()),
        Topic::Namespace(namespace.clone()),
        queue("computor-tasks"),
        queue("computor-tasks-high"),
    ];
    let mut subscriptions = Vec::new();
    for topic in &topics {
        subscriptions.push(bus.subscribe(topic).await);
    }
    for (number, topic) in topics.iter().enumerate() {
        bus.publish(topic, text(number));
        bus.publish(topic, text("last"));
    }
    for (number, subscription) in subscriptions.iter_mut().enumerate() {
        assert_eq!(subscription.topic(), &topics[number]);
        assert_eq!(next(subscription).await, message(number));
        assert_eq!(next(subscription).await, message("last"));
        assert_eq!(subscription.try_recv(), None);
    }
}

pub(super) async fn nothing_from_before(fixture: &impl Fixture) {
    let (bus, topic) = (fixture.bus(), run());
    let mut early = bus.subscribe(&topic).await;
    bus.publish(&topic, text("early"));
    assert_eq!(next(&mut early).await, message("early"));

    let mut late = bus.subscribe(&topic).await;
    bus.publish(&topic, text("late"));
    assert_eq!(next(&mut late).await, message("late"));
}

pub(super) async fn slow_listener(fixture: &impl Fixture) {
    let (bus, topic, fence) = (fixture.bus(), run(), run());
    let mut slow = bus.subscribe(&topic).await;
    let mut passed = bus.subscribe(&fence).await;
    let total = LISTENER_BUFFER_MESSAGES * 3;
    for number in 0..total {
        bus.publish(&topic, text(number));
    }
    bus.publish(&fence, text("all passed"));
    next(&mut passed).await;

    assert_eq!(next(&mut slow).await, Delivery::Gap(GapCause::SlowListener));
    for number in total - LISTENER_BUFFER_MESSAGES..total {
        assert_eq!(next(&mut slow).await, message(number));
    }
    assert_eq!(slow.try_recv(), None);
    assert_eq!(bus.dropped_messages(), 0);
}

pub(super) async fn no_listeners(fixture: &impl Fixture) {
    fixture.bus().publish(&run(), text("to nobody"));
    assert_eq!(fixture.topics().count(), 0);
}

pub(super) async fn reference_counts(fixture: &impl Fixture) {
    let (bus, topic) = (fixture.bus(), run());
    let first = bus.subscribe(&topic).await;
    let mut second = bus.subscribe(&topic).await;
    drop(first);
    assert_eq!(fixture.topics().count(), 1);
    bus.publish(&topic, text("still here"));
    assert_eq!(next(&mut second).await, message("still here"));

    drop(second);
    assert_eq!(fixture.topics().count(), 0);
    let mut third = bus.subscribe(&topic).await;
    bus.publish(&topic, text("again"));
    assert_eq!(next(&mut third).await, message("again"));
}

pub(super) async fn canceled_recv(fixture: &impl Fixture) {
    let (bus, topic) = (fixture.bus(), run());
    let mut subscription = bus.subscribe(&topic).await;
    assert!(futures_util::FutureExt::now_or_never(subscription.recv()).is_none());
    bus.publish(&topic, text("kept"));
    assert_eq!(next(&mut subscription).await, message("kept"));
}

pub(super) async fn next(subscription: &mut Subscription) -> Delivery {
    tokio::time::timeout(DEADLINE, subscription.recv()).await.expect("a delivery arrives in time")
}

pub(super) fn run() -> Topic {
    Topic::Run(RunId::new())
}

pub(super) fn text(text: impl fmt::Display) -> Bytes {
    Bytes::from(text.to_string())
}

pub(super) fn message(text: impl fmt::Display) -> Delivery {
    Delivery::Message(Bytes::from(text.to_string()))
}
