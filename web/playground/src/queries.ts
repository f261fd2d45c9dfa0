/** The tabs of someone who comes for the first time, in the order of use. */
export const firstTabs = [
  {
    query: `# 1. Start a workflow: press play, or Ctrl+Enter.
# Then copy the id from the answer for step 2.
mutation StartWorkflow {
  startWorkflow(
    input: {
      type: "example_long_running"
      input: { duration: 20, message: "Hello" }
    }
  ) {
    created
    workflow {
      id
      workflowId
      type
      status
    }
    userErrors {
      code
      message
      path
    }
  }
}
`,
  },
  {
    query: `# 2. Watch it: put the id of step 1 into the variables.
# First comes the whole state, then every change.
subscription WatchWorkflow($id: ID!) {
  workflowStream(id: $id) {
    __typename
    ... on WorkflowSnapshot {
      cursor
      workflow {
        workflowId
        status
      }
    }
    ... on HistoryAppended {
      cursor
      events {
        sequence
        type
        at
      }
    }
    ... on ActivityProgressed {
      at
      activity {
        type
        attempt
        heartbeat {
          progress
          message
        }
      }
    }
    ... on StreamEnded {
      workflow {
        status
        result
      }
    }
  }
}
`,
    variables: JSON.stringify({ id: "" }, null, 2),
  },
  {
    query: `# 3. List the newest runs.
query ListWorkflows(
  $first: Int = 20
  $filter: WorkflowFilter
) {
  workflows(first: $first, filter: $filter) {
    nodes {
      id
      workflowId
      type
      status
      createdAt
      closedAt
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
    variables: JSON.stringify({ first: 20 }, null, 2),
  },
];
