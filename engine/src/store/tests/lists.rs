use super::{NOW, namespace, on_both, start};
use crate::{
    client::{
        Caller, PageDirection, PageRequest, Visibility, WorkflowFilter, WorkflowOrder, WorkflowOrderField,
        WorkflowTarget,
    },
    clock::Timestamp,
    ids::RunId,
    store::Store,
};

on_both! {
    pages_show_every_run_once_in_both_directions,
    a_prefix_tells_upper_from_lower_case_and_knows_no_wildcards,
    what_a_caller_may_not_see_is_not_there,
}

fn everyone() -> Caller {
    Caller { subject: "root".into(), visibility: Visibility::All }
}

async fn pages_show_every_run_once_in_both_directions(store: &Store) {
    for number in 0..23_i32 {
        let mut start = start(&number.to_string());
        start.priority = number % 4;
        start.created_at_ms = Timestamp(NOW.0 + i64::from(number / 5));
        store.write(start).await.unwrap();
    }
    for field in [WorkflowOrderField::CreatedAt, WorkflowOrderField::ClosedAt, WorkflowOrderField::Priority] {
        for descending in [false, true] {
            let order = WorkflowOrder { field, descending };
            let forward = pages(store, order, PageDirection::Forward).await;
            let mut backward = pages(store, order, PageDirection::Backward).await;
            backward.reverse();
            assert_eq!(forward.len(), 23, "{order:?}");
            assert_eq!(forward, backward, "{order:?}");
        }
    }
}

async fn pages(store: &Store, order: WorkflowOrder, direction: PageDirection) -> Vec<RunId> {
    let mut seen = Vec::new();
    let mut page = PageRequest { items: 4, direction, cursor: None, offset: 0 };
    loop {
        let filter = WorkflowFilter::default();
        let found = store.list_executions(&namespace(), &everyone(), &filter, order, &page).await.unwrap();
        let (mut items, more) = match direction {
            PageDirection::Forward => (found.items, found.has_next),
            PageDirection::Backward => (found.items.into_iter().rev().collect(), found.has_previous),
        };
        let Some(last) = items.last() else { return seen };
        page.cursor = Some(last.cursor(order.field));
        seen.extend(items.drain(..).map(|execution| execution.run_id));
        if !more {
            return seen;
        }
    }
}

async fn a_prefix_tells_upper_from_lower_case_and_knows_no_wildcards(store: &Store) {
    for id in ["abc", "ABC", "a%c", "äbc"] {
        store.write(start(id)).await.unwrap();
    }
    for (prefix, expected) in [("ab", 1), ("AB", 1), ("a%", 1), ("a_", 0), ("äb", 1), ("", 4)] {
        let filter = WorkflowFilter { workflow_id_prefix: Some(prefix.into()), ..WorkflowFilter::default() };
        let found = store.count_executions(&namespace(), &everyone(), &filter, 100).await.unwrap();
        assert_eq!(found, expected, "{prefix}");
    }
}

async fn what_a_caller_may_not_see_is_not_there(store: &Store) {
    let start = start("a");
    let target = WorkflowTarget::Run(RunId(start.run_id));
    store.write(start).await.unwrap();
    for (subject, sees) in [("ada", true), ("bob", false)] {
        let caller = Caller { subject: subject.into(), visibility: Visibility::Own };
        let execution = store.execution(&namespace(), &caller, &target).await.unwrap();
        assert_eq!(execution.is_some(), sees);
        let filter = WorkflowFilter::default();
        let count = store.count_executions(&namespace(), &caller, &filter, 100).await.unwrap();
        assert_eq!(count > 0, sees);
    }
}
