//! Passwords that are not encoded for a URL, so that the URL is read as another one.

/// What to do; the password itself is not repeated.
pub(crate) const REMEDY: &str = "special characters of a password must be percent-encoded in a URL: `@` as `%40`, `/` as `%2F`, `?` as `%3F`, \
     `#` as `%23`, `%` as `%25`, `:` as `%3A`, a space as `%20`";

/// Whether the password of the URL probably has characters that end it early, or a `%` that encodes nothing.
pub(crate) fn seems_unencoded(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let Some((user_info, _)) = rest.rsplit_once('@') else { return false };
    let Some((_, password)) = user_info.split_once(':') else { return false };
    // An `@` may stand in a query: then what is before it is no password if it has a host and a path in it.
    let is_query =
        user_info.split_once('?').is_some_and(|(before, query)| before.contains('/') && query.contains('='));
    !is_query && (password.contains(['/', '?', '#', ' ', '@', '[', ']']) || has_stray_percent(password))
}

fn has_stray_percent(password: &str) -> bool {
    password.split('%').skip(1).any(|after| {
        let digits = after.as_bytes().get(..2);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_end_early_are_noticed() {
        for password in
            ["pa/ss", "pa?ss", "pa#ss", "pa%ss", "pa%", "pa ss", "p@ss", "p@s/s", "12/34", "p?x=y", "[x"]
        {
            for scheme in ["postgres://ada", "redis://"] {
                let url = format!("{scheme}:{password}@db.example:5432/ctutor");
                assert!(seems_unencoded(&url), "{url}");
            }
        }
    }

    #[test]
    fn usual_urls_are_left_alone() {
        for url in [
            "postgres://ada:p%40ss%2Fword@db:5432/ctutor?sslmode=require",
            "postgres://ada:pass:word@db/ctutor",
            "postgres://ada@db/ctutor",
            "postgres://db:5432/ctutor?application_name=a@b",
            "postgres://ada:pass@db/ctutor?application_name=a@b",
            "postgres:///ctutor?host=/run",
            "redis://cache:6379/0",
            "sqlite:a:b@c",
        ] {
            assert!(!seems_unencoded(url), "{url}");
        }
    }
}
