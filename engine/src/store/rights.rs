//! The rights that the login has on the tables, as PostgreSQL grants them.
//!
//! They are asked for before anything needs them. A process whose login may not write one of the tables would start,
//! call itself ready, and fail in the first request that comes to that table.

use std::fmt;

/// What a process does with the database. Maintenance is a part of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It serves the API.
    Api,
    /// It works on tasks.
    Worker,
}

/// Table and operations that a part needs.
type Needs = &'static [(&'static str, &'static [&'static str])];

/// Of maintenance, and of both parts. Each read needs UPDATE of `worker`; see `ON_A_PRIMARY`.
const EVERY_PART: Needs = &[
    ("seaql_migrations", &["SELECT"]),
    ("workflow_execution", &["SELECT", "UPDATE"]),
    ("workflow_task", &["SELECT", "UPDATE", "DELETE"]),
    ("history_event", &["SELECT", "INSERT"]),
    ("message", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("activity_task", &["SELECT", "UPDATE", "DELETE"]),
    ("worker", &["SELECT", "UPDATE", "DELETE"]),
    ("start_request", &["SELECT", "DELETE"]),
];

const API: Needs = &[
    ("workflow_execution", &["INSERT", "DELETE"]),
    ("workflow_task", &["INSERT"]),
    ("history_event", &["DELETE"]),
    ("workflow_type", &["SELECT"]),
    ("start_request", &["INSERT"]),
];

const WORKER: Needs = &[
    ("activity_task", &["INSERT"]),
    ("worker", &["INSERT"]),
    ("workflow_type", &["SELECT", "INSERT", "UPDATE"]),
];

/// Operations on one object that the login may not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// `TABLE` or `SCHEMA`, and the name as SQL has it.
    pub(super) object: String,
    /// As `GRANT` lists them.
    pub(super) operations: String,
}

/// All that the login lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRights {
    /// The name of the login as SQL has it.
    pub(super) role: String,
    pub(super) rights: Vec<Missing>,
}

impl fmt::Display for MissingRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, rights } = self;
        let each = |show: &dyn Fn(&Missing) -> String| rights.iter().map(show).collect::<Vec<_>>();
        let lacks = each(&|Missing { object, operations }| format!("{operations} on {object}"));
        let grants =
            each(&|Missing { object, operations }| format!("GRANT {operations} ON {object} TO {role};"));
        write!(
            f,
            "the role {role} of DATABASE_URL has not all rights that this process needs, it lacks {}; run `{}` as the \
             owner of the tables",
            lacks.join(" and "),
            grants.join(" ")
        )
    }
}

/// A row for each schema that has the tables and may not be used, where the tables are not found for that reason.
pub(super) const UNUSABLE_SCHEMAS: &str = "SELECT quote_ident(current_user) AS role, format('SCHEMA %I', s.nspname) AS object, 'USAGE' AS operations \
     FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace \
     WHERE t.relname = 'workflow_execution' AND to_regclass('workflow_execution') IS NULL \
     AND NOT has_schema_privilege(s.oid, 'USAGE') \
     AND (s.nspname = current_user OR s.nspname IN ( \
     SELECT trim(BOTH ' \"' FROM name) \
     FROM unnest(string_to_array(current_setting('search_path'), ',')) AS name))";

/// A row for each object on which something is not granted. It reads no table but the catalog, which everybody may.
///
/// A schema without USAGE is passed over when a name is looked up, as if its tables were not there.
pub(super) fn query(parts: &[Part]) -> String {
    let values: Vec<String> =
        needs(parts).map(|(table, operation)| format!("('{table}', '{operation}')")).collect();
    format!(
        "SELECT quote_ident(current_user) AS role, format('TABLE %I.%I', s.nspname, t.relname) AS object, \
                string_agg(v.operation, ', ' ORDER BY v.operation) AS operations \
         FROM (VALUES {}) AS v(name, operation) \
         JOIN pg_class t ON t.oid = to_regclass(v.name) JOIN pg_namespace s ON s.oid = t.relnamespace \
         WHERE NOT has_table_privilege(t.oid, v.operation) GROUP BY s.nspname, t.relname \
         UNION ALL {UNUSABLE_SCHEMAS} \
         ORDER BY object",
        values.join(", ")
    )
}

/// All tables.
pub(super) fn tables() -> std::collections::BTreeSet<&'static str> {
    needs(&[Part::Api, Part::Worker]).map(|(table, _)| table).collect()
}

fn needs(parts: &[Part]) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_parts = parts.iter().map(|part| match part {
        Part::Api => API,
        Part::Worker => WORKER,
    });
    let each: std::collections::BTreeSet<_> = std::iter::once(EVERY_PART)
        .chain(of_parts)
        .flatten()
        .flat_map(|(table, operations)| operations.iter().map(|operation| (*table, *operation)))
        .collect();
    each.into_iter()
}

/// The statements that grant a role what the parts need and nothing else.
#[cfg(test)]
pub(super) fn grants(parts: &[Part], role: &str) -> Vec<String> {
    needs(parts).map(|(table, operation)| format!("GRANT {operation} ON {table} TO {role}")).collect()
}
