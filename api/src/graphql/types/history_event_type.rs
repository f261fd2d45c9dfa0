use async_graphql::Enum;
use ctutor_engine::{for_each_history_event_type, history::EventType};

macro_rules! history_event_types {
    ($($(#[doc = $doc:literal])* $name:ident: $role:ident,)*) => {
        /// History event types, with Temporal's names. Later versions may add more.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
        #[graphql(remote = "EventType")]
        pub enum HistoryEventType {
            $($(#[doc = $doc])* $name,)*
        }
    };
}

for_each_history_event_type!(history_event_types);
