use serde_json::{Value, json};

use crate::harness::{Api, Person};

const PAGE: &str =
    "query ($first: Int, $after: String, $last: Int, $before: String, $orderBy: WorkflowOrder) {
    workflows(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
        nodes { workflowId }
        edges { cursor }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        totalCount
    }
}";

async fn page(person: &Person<'_>, variables: Value) -> Value {
    person.data(PAGE, variables).await["workflows"].take()
}

fn ids(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|node| node["workflowId"].as_str().unwrap()).collect()
}

/// Five runs, in this order.
async fn five(root: &Person<'_>) {
    for (n, priority) in [(1, 5), (2, 1), (3, 4), (4, 2), (5, 3)] {
        root.started(json!({ "type": "echo", "workflowId": format!("w{n}"), "priority": priority })).await;
    }
}

#[tokio::test]
async fn a_list_is_paged_in_both_directions() {
    let api = Api::start().await;
    let root = api.admin();
    five(&root).await;
    let first = page(&root, json!({ "first": 2 })).await;
    assert_eq!(ids(&first), ["w5", "w4"]);
    assert_eq!(first["totalCount"], 5);
    assert_eq!(
        (&first["pageInfo"]["hasNextPage"], &first["pageInfo"]["hasPreviousPage"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first["pageInfo"]["endCursor"], first["edges"][1]["cursor"]);
    let second = page(&root, json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(ids(&second), ["w3", "w2"]);
    let third = page(&root, json!({ "first": 2, "after": second["pageInfo"]["endCursor"] })).await;
    assert_eq!(ids(&third), ["w1"]);
    assert_eq!(third["pageInfo"]["hasNextPage"], false);
    let back = page(&root, json!({ "last": 2, "before": third["pageInfo"]["startCursor"] })).await;
    assert_eq!(ids(&back), ["w3", "w2"]);
    let order = json!({ "field": "PRIORITY", "direction": "ASC" });
    let ordered = page(&root, json!({ "first": 3, "orderBy": order })).await;
    assert_eq!(ids(&ordered), ["w2", "w4", "w5"]);
    let rest = page(&root, json!({ "after": ordered["pageInfo"]["endCursor"], "orderBy": order })).await;
    assert_eq!(ids(&rest), ["w3", "w1"]);
}

#[tokio::test]
async fn wrong_page_arguments_are_refused_by_name() {
    let api = Api::start().await;
    let root = api.admin();
    five(&root).await;
    let cursor = page(&root, json!({ "first": 1 })).await["pageInfo"]["endCursor"].take();
    for (variables, argument) in [
        (json!({ "first": 0 }), "first"),
        (json!({ "first": 101 }), "first"),
        (json!({ "first": 1001 }), "first"),
        (json!({ "first": -1 }), "first"),
        (json!({ "last": 0 }), "last"),
        (json!({ "after": "nonsense" }), "after"),
        (json!({ "last": 1, "before": "nonsense" }), "before"),
        (json!({ "after": cursor, "orderBy": { "field": "PRIORITY" } }), "after"),
    ] {
        let error = root.error(PAGE, variables.clone()).await;
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{variables}");
        assert_eq!(error["extensions"]["argument"], argument, "{variables}");
        assert_eq!(error["path"], json!(["workflows"]));
    }
    let error = root.error(PAGE, json!({ "first": 0 })).await;
    assert_eq!(
        (&error["extensions"]["found"], &error["extensions"]["allowed"]),
        (&json!(0), &json!("1 to 100"))
    );
    for variables in [
        json!({ "first": 1, "last": 1 }),
        json!({ "first": 1, "before": cursor }),
        json!({ "last": 1, "after": cursor }),
        json!({ "before": cursor, "after": cursor }),
    ] {
        assert_eq!(root.error(PAGE, variables).await["extensions"]["code"], "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_filter_narrows_the_list_and_is_bounded() {
    let api = Api::start().await;
    let root = api.admin();
    five(&root).await;
    root.finished(&json!({ "workflowId": "w1" })).await;
    let run = root.started(json!({ "type": "failing", "workflowId": "x1" })).await;
    root.finished(&run).await;
    let query = "query ($filter: WorkflowFilter) {
        workflows(filter: $filter, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { workflowId } totalCount }
    }";
    for (filter, expected) in [
        (json!({ "statuses": ["FAILED"] }), vec!["x1"]),
        (json!({ "types": ["failing"] }), vec!["x1"]),
        (json!({ "workflowId": "w2" }), vec!["w2"]),
        (json!({ "workflowIdPrefix": "x" }), vec!["x1"]),
        (json!({ "taskQueue": "nowhere" }), vec![]),
        (json!({ "created": { "to": "2000-01-01T00:00:00Z" } }), vec![]),
        (json!({ "closed": { "from": "2000-01-01T00:00:00Z" }, "types": ["failing"] }), vec!["x1"]),
        (json!({ "or": [{ "workflowId": "w3" }, { "workflowId": "x1" }] }), vec!["w3", "x1"]),
        (json!({ "and": [{ "workflowIdPrefix": "w" }, { "workflowId": "x1" }] }), vec![]),
    ] {
        let found = root.data(query, json!({ "filter": filter })).await["workflows"].take();
        assert_eq!(ids(&found), expected, "{filter}");
        assert_eq!(found["totalCount"], expected.len(), "{filter}");
    }
    let mut deep = json!({});
    for _ in 0..5 {
        deep = json!({ "and": [deep] });
    }
    let error = root.error(query, json!({ "filter": deep })).await;
    assert_eq!(error["extensions"]["argument"], "filter");
}

#[tokio::test]
async fn a_history_is_paged_and_its_parts_are_found_again_by_id() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "counting", "input": { "steps": 1 } })).await;
    root.finished(&run).await;
    let query = "query ($id: ID!, $first: Int, $after: String, $types: [HistoryEventType!]) { node(id: $id) {
        ... on WorkflowExecution {
            history(first: $first, after: $after, types: $types) {
                nodes { id sequence type at attributes activity { id type status attempt result workerIdentity } }
                pageInfo { hasNextPage endCursor }
                totalCount
            }
            activities { nodes { id type status maxAttempts } totalCount }
        }
    } }";
    let all = root.data(query, json!({ "id": run["id"] })).await["node"].take();
    let events = all["history"]["nodes"].as_array().unwrap();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "WORKFLOW_EXECUTION_STARTED",
            "ACTIVITY_TASK_SCHEDULED",
            "ACTIVITY_TASK_STARTED",
            "ACTIVITY_TASK_COMPLETED",
            "WORKFLOW_EXECUTION_COMPLETED"
        ]
    );
    assert_eq!(events[0]["attributes"]["input"], json!({ "steps": 1 }));
    assert_eq!(events[0]["activity"], Value::Null);
    for event in &events[1..4] {
        assert_eq!(
            (&event["activity"]["type"], &event["activity"]["status"]),
            (&json!("count"), &json!("COMPLETED"))
        );
    }
    assert_eq!(all["activities"]["totalCount"], 1);
    assert_eq!(all["activities"]["nodes"][0]["id"], events[1]["activity"]["id"]);

    let two = root.data(query, json!({ "id": run["id"], "first": 2 })).await["node"]["history"].take();
    assert_eq!((&two["pageInfo"]["hasNextPage"], &two["totalCount"]), (&json!(true), &json!(5)));
    let after = json!({ "id": run["id"], "first": 3, "after": two["pageInfo"]["endCursor"] });
    let rest = root.data(query, after).await["node"]["history"].take();
    assert_eq!((&rest["nodes"][0]["sequence"], &rest["pageInfo"]["hasNextPage"]), (&json!(3), &json!(false)));
    let some = json!({ "id": run["id"], "types": ["ACTIVITY_TASK_COMPLETED"] });
    let some = root.data(query, some).await["node"]["history"].take();
    assert_eq!(some["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(
        root.error(query, json!({ "id": run["id"], "first": 501 })).await["extensions"]["argument"],
        "first"
    );

    let ids = json!([events[3]["id"], "nonsense", events[1]["activity"]["id"], run["id"], run["id"]]);
    let nodes =
        root.data("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": ids })).await;
    let kinds: Vec<_> = nodes["nodes"].as_array().unwrap().iter().map(|node| &node["__typename"]).collect();
    let [event, activity, execution] =
        ["HistoryEvent", "Activity", "WorkflowExecution"].map(|name| json!(name));
    assert_eq!(kinds, [&event, &Value::Null, &activity, &execution, &execution]);
    let many = vec!["x"; 101];
    let error = root.error("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": many })).await;
    assert_eq!(error["extensions"]["argument"], "ids");
}

#[tokio::test]
async fn a_failure_is_shown_with_its_class_and_details() {
    let api = Api::start().await;
    let root = api.admin();
    let run = root.started(json!({ "type": "failing" })).await;
    root.finished(&run).await;
    let query = "query ($id: String!) { workflow(workflowId: $id) { status result failure { message type details } } }";
    let found = root.data(query, json!({ "id": run["workflowId"] })).await["workflow"].take();
    assert_eq!((&found["status"], &found["result"]), (&json!("FAILED"), &Value::Null));
    let failure = &found["failure"];
    assert_eq!(failure["message"], "Simulated failure at step 2");
    assert_eq!((&failure["type"], &failure["details"]), (&json!("Simulated"), &json!({ "attempts": 2 })));
}

#[tokio::test]
async fn workers_queues_and_types_are_listed() {
    let api = Api::start().await;
    let root = api.admin();
    root.started(json!({ "type": "elsewhere" })).await;
    let data = root
        .data(
            "{ workers { nodes { id identity taskQueues types slots slotsUsed draining lastSeenAt } totalCount }
               taskQueues { nodes { id name backlog oldestAge workers { nodes { identity } } } }
               workflowTypes(first: 2) { nodes { name description inputSchema taskQueue taskQueues } pageInfo { hasNextPage endCursor } }
               none: workers(taskQueue: \"elsewhere\") { totalCount } }",
            json!({}),
        )
        .await;
    let worker = &data["workers"]["nodes"][0];
    assert_eq!(
        (&worker["identity"], &worker["taskQueues"]),
        (&json!("test-worker"), &json!(["computor-tasks"]))
    );
    assert_eq!((&data["workers"]["totalCount"], &data["none"]["totalCount"]), (&json!(1), &json!(0)));
    let queues = data["taskQueues"]["nodes"].as_array().unwrap();
    let elsewhere = queues.iter().find(|queue| queue["name"] == "elsewhere").unwrap();
    assert_eq!((&elsewhere["backlog"], &elsewhere["workers"]["nodes"]), (&json!(1), &json!([])));
    assert!(elsewhere["oldestAge"].as_str().unwrap().starts_with("PT"), "{elsewhere}");
    let types = &data["workflowTypes"];
    assert_eq!(
        (&types["nodes"][0]["name"], &types["nodes"][1]["name"]),
        (&json!("counting"), &json!("echo"))
    );
    assert_eq!(types["nodes"][0]["description"], "Counts, telling how far it is.");
    assert_eq!(types["nodes"][0]["inputSchema"]["properties"]["steps"]["type"], "integer");
    assert_eq!(types["nodes"][0]["taskQueues"], json!(["computor-tasks"]));
    let query = "query ($after: String) { workflowTypes(first: 1, after: $after) { nodes { name } } }";
    let next = root.data(query, json!({ "after": types["pageInfo"]["endCursor"] })).await;
    assert_eq!(next["workflowTypes"]["nodes"][0]["name"], "elsewhere");
    let ids = json!({ "ids": [worker["id"], elsewhere["id"]] });
    let nodes = root.data("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", ids).await;
    assert_eq!(nodes["nodes"], json!([{ "__typename": "Worker" }, { "__typename": "TaskQueue" }]));
}

#[tokio::test]
async fn the_viewer_is_told_what_the_token_says() {
    let api = Api::start().await;
    let query = "{ viewer { subject role scopes expiresAt } }";
    let root = api.admin().data(query, json!({})).await["viewer"].take();
    assert_eq!((&root["subject"], &root["role"]), (&json!("root"), &json!("ADMIN")));
    let ada = api.user("ada").data(query, json!({})).await["viewer"].take();
    assert_eq!((&ada["subject"], &ada["role"]), (&json!("ada"), &json!("USER")));
    assert!(ada["scopes"].as_array().unwrap().contains(&json!("workflow:start:student_testing")));
    assert!(ada["expiresAt"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_query_that_costs_too_much_is_refused_and_introspection_is_not() {
    let api = Api::start().await;
    let root = api.admin();
    let costly = "{ workflows(first: 100) { nodes { history(first: 500) { nodes { id type } } } } }";
    assert_eq!(root.error(costly, json!({})).await["extensions"]["code"], "DOCUMENT_TOO_COMPLEX");
    let introspection = include_str!("../transport/introspection.graphql");
    let schema = root.data(introspection, json!({})).await["__schema"].take();
    assert_eq!(schema["queryType"]["name"], "Query");
    let answer = root.graphql("{ workflow(workflowId: \"x\") { statu } }", json!({})).await;
    let told = "type `WorkflowExecution` has no field `statu`; did you mean `status`?";
    assert_eq!(answer["errors"][0]["message"], told, "{answer:#}");
}
