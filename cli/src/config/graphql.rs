use ctutor_api::{
    ListBounds,
    transport::{DocumentsOptions, Introspection, Origins, SseOptions, WebSocketOptions, guard::Limits},
};
use serde::Deserialize;

use super::{
    Between, Kind, Timeout,
    section::{Allowed, Setting, section},
    timeout::KEEP_ALIVE_SECONDS_MAX,
};

section! {
    /// `[graphql]`: what one request may ask for.
    Graphql, GRAPHQL_KEYS, "graphql" {
        /// Whether callers may ask for the schema.
        introspection: Switch, "CTUTOR_GRAPHQL_INTROSPECTION";
        /// Pages times what is asked of their items, in one operation.
        complexity_max: Between<2_000, 10_000_000>, "CTUTOR_GRAPHQL_COMPLEXITY_MAX";
        /// Items of a page, except for histories.
        page_items_max: Between<20, 10_000>, "CTUTOR_GRAPHQL_PAGE_ITEMS_MAX";
        /// IDs of one `nodes`.
        node_ids_max: Between<1, 10_000>, "CTUTOR_GRAPHQL_NODE_IDS_MAX";
        /// Levels of filters within filters.
        filter_depth_max: Between<1, 50>, "CTUTOR_GRAPHQL_FILTER_DEPTH_MAX";
        /// Filters of a list in all.
        filters_max: Between<1, 10_000>, "CTUTOR_GRAPHQL_FILTERS_MAX";
        /// Values of one list of a filter.
        filter_values_max: Between<10, 10_000>, "CTUTOR_GRAPHQL_FILTER_VALUES_MAX";
        /// Requests of a batch.
        batch_requests_max: Between<1, 1_000>, "CTUTOR_GRAPHQL_BATCH_REQUESTS_MAX";
        /// Bytes of a request's body.
        body_bytes_max: Between<66_560, 1_073_741_824>, "CTUTOR_GRAPHQL_BODY_BYTES_MAX";
        /// Bytes of a document.
        document_bytes_max: Between<4_096, 10_000_000>, "CTUTOR_GRAPHQL_DOCUMENT_BYTES_MAX";
        /// Tokens of a document.
        tokens_max: Between<500, 1_000_000>, "CTUTOR_GRAPHQL_TOKENS_MAX";
        /// Open brackets at any place of a document.
        nesting_max: Between<15, 100>, "CTUTOR_GRAPHQL_NESTING_MAX";
        /// Fields and fragments, after fragments are put in.
        fields_max: Between<250, 1_000_000>, "CTUTOR_GRAPHQL_FIELDS_MAX";
        /// Aliases of an operation.
        aliases_max: Between<1, 100_000>, "CTUTOR_GRAPHQL_ALIASES_MAX";
        /// Levels of fields of an operation.
        depth_max: Between<15, 60>, "CTUTOR_GRAPHQL_DEPTH_MAX";
        /// Levels of fields and fragments of an operation.
        levels_max: Between<20, 100>, "CTUTOR_GRAPHQL_LEVELS_MAX";
        /// Fields at the root of an operation.
        root_fields_max: Between<1, 10_000>, "CTUTOR_GRAPHQL_ROOT_FIELDS_MAX";
        /// Lists below each other in `__schema` and `__type`.
        introspection_list_depth_max: Between<3, 20>, "CTUTOR_GRAPHQL_INTROSPECTION_LIST_DEPTH_MAX";
        /// `__schema` and `__type` fields of an operation.
        introspections_max: Between<1, 1_000>, "CTUTOR_GRAPHQL_INTROSPECTIONS_MAX";
        /// Fragments of a document.
        fragments_max: Between<5, 10_000>, "CTUTOR_GRAPHQL_FRAGMENTS_MAX";
        /// Directives of a document.
        directives_max: Between<1, 10_000>, "CTUTOR_GRAPHQL_DIRECTIVES_MAX";
        /// Parsed documents that are kept.
        cached_documents_max: Between<0, 100_000>, "CTUTOR_GRAPHQL_CACHED_DOCUMENTS_MAX";
        /// Bytes of the longest document that is kept.
        cached_document_bytes_max: Between<0, 10_000_000>, "CTUTOR_GRAPHQL_CACHED_DOCUMENT_BYTES_MAX";
        /// Bytes of all documents that are kept.
        cached_total_bytes_max: Between<0, 1_073_741_824>, "CTUTOR_GRAPHQL_CACHED_TOTAL_BYTES_MAX";
    }
}

section! {
    /// `[streams]`: subscriptions over HTTP (server-sent events).
    Streams, STREAMS_KEYS, "streams" {
        /// Time between two comments that keep a silent stream open.
        keep_alive_interval: Timeout<KEEP_ALIVE_SECONDS_MAX>, "CTUTOR_STREAMS_KEEP_ALIVE_INTERVAL";
        /// Events that wait for a slow client.
        queue_events_max: Between<1, 100_000>, "CTUTOR_STREAMS_QUEUE_EVENTS_MAX";
        /// Time for room in a full queue.
        write_timeout: Timeout, "CTUTOR_STREAMS_WRITE_TIMEOUT";
    }
}

section! {
    /// `[websocket]`: operations over WebSockets.
    WebSocket, WEBSOCKET_KEYS, "websocket" {
        /// Time until `connection_init`.
        init_timeout: Timeout, "CTUTOR_WEBSOCKET_INIT_TIMEOUT";
        /// Time between two pings.
        ping_interval: Timeout, "CTUTOR_WEBSOCKET_PING_INTERVAL";
        /// Ping intervals without a sign of life after which a socket is dropped.
        silences_max: Between<1, 1_000>, "CTUTOR_WEBSOCKET_SILENCES_MAX";
        /// Time for one message to leave.
        write_timeout: Timeout, "CTUTOR_WEBSOCKET_WRITE_TIMEOUT";
        /// Time for a client to answer a close.
        close_timeout: Timeout, "CTUTOR_WEBSOCKET_CLOSE_TIMEOUT";
        /// Operations of one socket at a time.
        operations_max: Between<1, 100_000>, "CTUTOR_WEBSOCKET_OPERATIONS_MAX";
        /// Sockets of one subject at a time.
        subject_sockets_max: Between<1, 100_000>, "CTUTOR_WEBSOCKET_SUBJECT_SOCKETS_MAX";
        /// Messages that wait for a slow client.
        queue_messages_max: Between<1, 100_000>, "CTUTOR_WEBSOCKET_QUEUE_MESSAGES_MAX";
        /// Bytes of a message from a client.
        message_bytes_max: Between<8_192, 67_108_864>, "CTUTOR_WEBSOCKET_MESSAGE_BYTES_MAX";
        /// Bytes of the buffer that each socket keeps for reading.
        read_buffer_bytes: Between<1_024, 16_777_216>, "CTUTOR_WEBSOCKET_READ_BUFFER_BYTES";
    }
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Switch {
    Enabled,
    Disabled,
}

impl Setting for Switch {
    const KIND: Kind = Kind::Text;
    const ALLOWED: Allowed = Allowed::Words("`enabled` or `disabled`");
}

impl Graphql {
    pub(crate) fn introspection(&self) -> Introspection {
        match self.introspection {
            Switch::Enabled => Introspection::Enabled,
            Switch::Disabled => Introspection::Disabled,
        }
    }

    pub(crate) fn lists(&self) -> ListBounds {
        ListBounds {
            page_items_max: self.page_items_max.get(),
            node_ids_max: self.node_ids_max.as_usize(),
            filter_depth_max: self.filter_depth_max.as_usize(),
            filters_max: self.filters_max.as_usize(),
            filter_values_max: self.filter_values_max.as_usize(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            document_bytes_max: self.document_bytes_max.as_usize(),
            tokens_max: self.tokens_max.as_usize(),
            nesting_max: self.nesting_max.as_usize(),
            fields_max: self.fields_max.get().into(),
            aliases_max: self.aliases_max.get().into(),
            depth_max: self.depth_max.get().into(),
            levels_max: self.levels_max.get().into(),
            root_fields_max: self.root_fields_max.get().into(),
            introspection_list_depth_max: self.introspection_list_depth_max.get().into(),
            introspections_max: self.introspections_max.get().into(),
            fragments_max: self.fragments_max.get().into(),
            directives_max: self.directives_max.get().into(),
        }
    }

    pub(crate) fn documents(&self) -> DocumentsOptions {
        DocumentsOptions {
            cached_max: self.cached_documents_max.as_usize(),
            cached_bytes_max: self.cached_document_bytes_max.as_usize(),
            cached_total_bytes_max: self.cached_total_bytes_max.as_usize(),
        }
    }
}

impl Streams {
    pub(crate) fn options(&self, subject_streams_max: usize) -> SseOptions {
        SseOptions {
            keep_alive_interval: self.keep_alive_interval.0,
            subject_streams_max,
            queue_events_max: self.queue_events_max.as_usize(),
            write_timeout: self.write_timeout.0,
        }
    }
}

impl WebSocket {
    pub(crate) fn options(&self) -> WebSocketOptions {
        WebSocketOptions {
            // Those of `api.cors_origins` are added by the server.
            origins: Origins::same_host(),
            init_timeout: self.init_timeout.0,
            ping_interval: self.ping_interval.0,
            silences_max: self.silences_max.get(),
            write_timeout: self.write_timeout.0,
            close_timeout: self.close_timeout.0,
            operations_max: self.operations_max.as_usize(),
            subject_sockets_max: self.subject_sockets_max.as_usize(),
            queue_messages_max: self.queue_messages_max.as_usize(),
            message_bytes_max: self.message_bytes_max.as_usize(),
            read_buffer_bytes: self.read_buffer_bytes.as_usize(),
        }
    }
}
