//! History events.

use ctutor_entity::history_event::{Column, Entity, Model};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use serde::Serialize;

use crate::{
    clock::Timestamp,
    history::{EventAttributes, EventType, HistoryEvent},
    ids::{EventId, RunId},
    store::{
        Error, Store,
        sql::{Kind, json},
    },
};

impl Store {
    /// Events of a run after a position, oldest first.
    pub(crate) async fn history(
        &self,
        run_id: RunId,
        after: EventId,
        at_most: u64,
        types: &[EventType],
    ) -> Result<Vec<HistoryEvent>, Error> {
        let mut select = Entity::find().filter(Column::RunId.eq(run_id.0)).filter(Column::EventId.gt(after));
        if !types.is_empty() {
            select =
                select.filter(Column::EventType.is_in(types.iter().map(|event_type| event_type.as_str())));
        }
        let rows = select.order_by_asc(Column::EventId).limit(at_most).all(&self.reader).await?;
        rows.iter().map(read).collect()
    }

    /// Whole histories, by run and position, with the size of each event in bytes.
    pub(super) async fn histories(
        &self,
        run_ids: &[RunId],
    ) -> Result<Vec<(RunId, HistoryEvent, usize)>, Error> {
        let rows = Entity::find()
            .filter(self.reader.dialect.among("history_event.run_id", run_ids))
            .order_by_asc(Column::RunId)
            .order_by_asc(Column::EventId)
            .all(&self.reader)
            .await?;
        rows.iter().map(|row| Ok((RunId(row.run_id), read(row)?, row.attributes.len()))).collect()
    }

    /// Certain events of certain runs, such as those that scheduled activities.
    pub(super) async fn events(
        &self,
        keys: &[(RunId, EventId)],
    ) -> Result<Vec<(RunId, HistoryEvent)>, Error> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<KeyRow> =
            keys.iter().map(|(run_id, event_id)| KeyRow { run_id: *run_id, event_id: *event_id }).collect();
        let sql = format!(
            "SELECT h.run_id, h.event_id, h.event_type, h.time_ms, h.attributes FROM {} \
             JOIN history_event h ON h.run_id = v.run_id AND h.event_id = v.event_id",
            self.reader.dialect.rows(1, &[("run_id", Kind::Uuid), ("event_id", Kind::BigInt)])
        );
        let rows = self.reader.rows(sql, vec![json(&rows)]).await?;
        rows.iter()
            .map(|row| {
                let row = Model::from_query_result(row, "")?;
                Ok((RunId(row.run_id), read(&row)?))
            })
            .collect()
    }
}

#[derive(Serialize)]
struct KeyRow {
    run_id: RunId,
    event_id: EventId,
}

fn read(row: &Model) -> Result<HistoryEvent, Error> {
    let unreadable = |column, reason: String| Error::Unreadable {
        table: "history_event",
        column,
        key: format!("{}/{}", row.run_id, row.event_id),
        reason,
    };
    let event_type: EventType =
        row.event_type.parse().map_err(|error| unreadable("event_type", format!("{error}")))?;
    let attributes = EventAttributes::from_json(event_type, &row.attributes).map_err(|error| {
        unreadable("attributes", format!("{error}: {:?}", std::error::Error::source(&error)))
    })?;
    Ok(HistoryEvent { event_id: row.event_id, time: Timestamp(row.time_ms), attributes })
}
