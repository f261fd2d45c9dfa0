//! What may be shown of a secret: nothing, and of a URL all but its password.

/// Stands for what is not shown.
pub(crate) const MASK: &str = "***";

/// A URL without its password, and without query values that look like one.
pub(crate) fn url(text: &str) -> String {
    // First the user: a password may have an unescaped `?`, which is then no query.
    let text = mask_user_info(text);
    match text.split_once('?') {
        Some((head, query)) => {
            let pairs: Vec<String> = query.split('&').map(mask_pair).collect();
            format!("{head}?{}", pairs.join("&"))
        }
        None => text,
    }
}

/// By hand and not by a parser, so that a URL that none understands is masked too.
fn mask_user_info(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    // The last `@`: a password with an unescaped one must not show its tail.
    let Some((user_info, host)) = rest.rsplit_once('@') else { return text.to_owned() };
    match user_info.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:{MASK}@{host}"),
        None => text.to_owned(),
    }
}

fn mask_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("postgres://ada:s3cret@db:5432/ctutor", "postgres://ada:***@db:5432/ctutor"),
            ("postgres://ada:s3@cr/et@db/ctutor", "postgres://ada:***@db/ctutor"),
            ("postgres://ada:s3?cret@db/ctutor", "postgres://ada:***@db/ctutor"),
            ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
            (
                "postgres://ada:s3cret@db/x?sslpassword=k&sslmode=require",
                "postgres://ada:***@db/x?sslpassword=***&sslmode=require",
            ),
            ("postgres:///ctutor?host=/run&password=s3cret", "postgres:///ctutor?host=/run&password=***"),
            ("postgres://ada@db/ctutor", "postgres://ada@db/ctutor"),
            ("sqlite:.ctutor/ctutor.db", "sqlite:.ctutor/ctutor.db"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ] {
            assert_eq!(url(text), shown);
        }
    }
}
