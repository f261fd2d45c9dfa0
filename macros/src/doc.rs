//! The text of documentation comments.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The documentation among these attributes as one text without margins; `None` when there is none.
pub(crate) fn text(attributes: &[Attribute]) -> Option<String> {
    let comments: Vec<String> = attributes.iter().filter_map(comment).collect();
    let lines: Vec<&str> =
        comments.iter().flat_map(|comment| comment.split('\n')).map(str::trim_end).collect();
    // Every line of a `///` comment begins with the space after the slashes; deeper indents are the author's.
    let margin = lines.iter().filter(|line| !line.is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    let lines: Vec<&str> = lines.iter().map(|line| line.get(margin..).unwrap_or("")).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Whether the attribute is documentation.
pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

fn comment(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn documentation_loses_its_margin_only() {
        let attributes: Vec<Attribute> = vec![
            parse_quote!(#[doc = " Greets.  "]),
            parse_quote!(#[cfg(unix)]),
            parse_quote!(#[doc = ""]),
            parse_quote!(#[doc = " - one"]),
            parse_quote!(#[doc = "   more of one"]),
            parse_quote!(#[doc(hidden)]),
        ];
        assert_eq!(text(&attributes).as_deref(), Some("Greets.\n\n- one\n  more of one"));
    }

    #[test]
    fn blank_documentation_is_none() {
        assert_eq!(text(&[]), None);
        assert_eq!(text(&[parse_quote!(#[doc = "  "])]), None);
    }
}
