use syn::{Attribute, Error, ImplItem, ImplItemFn, ItemImpl, Meta, Result};

/// What a method of a workflow is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Run,
    Signal,
    Query,
    Update,
}

impl Marker {
    fn of(attribute: &Attribute) -> Option<Self> {
        match attribute.path().get_ident()?.to_string().as_str() {
            "run" => Some(Self::Run),
            "signal" => Some(Self::Signal),
            "query" => Some(Self::Query),
            "update" => Some(Self::Update),
            _ => None,
        }
    }
}

/// The marked methods of a workflow.
pub(super) struct Methods {
    pub(super) run: ImplItemFn,
}

impl Methods {
    /// Takes the markers off the methods of the block, and gives the methods that had one.
    pub(super) fn take(block: &mut ItemImpl) -> Result<Self> {
        let mut run: Option<ImplItemFn> = None;
        for method in methods(block) {
            let Some((marker, attribute)) = take_marker(method)? else {
                continue;
            };
            match marker {
                Marker::Run if run.is_some() => {
                    return Err(Error::new_spanned(
                        attribute,
                        "a workflow has one `#[run]` method, this is another",
                    ));
                }
                Marker::Run => run = Some(method.clone()),
                Marker::Signal => return Err(not_yet(&attribute, "signals")),
                Marker::Query => return Err(not_yet(&attribute, "queries")),
                Marker::Update => return Err(not_yet(&attribute, "updates")),
            }
        }
        let run = run.ok_or_else(|| {
            let message = "a workflow needs one method marked `#[run]`: \
                           `async fn run(ctx: &Context<Self>, input: I) -> Result<O, WorkflowError>`";
            Error::new_spanned(&block.self_ty, message)
        })?;
        Ok(Self { run })
    }

    /// Removes all markers.
    pub(super) fn strip(block: &mut ItemImpl) {
        for method in methods(block) {
            method.attrs.retain(|attribute| Marker::of(attribute).is_none());
        }
    }
}

fn methods(block: &mut ItemImpl) -> impl Iterator<Item = &mut ImplItemFn> {
    block.items.iter_mut().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method),
        _ => None,
    })
}

fn take_marker(method: &mut ImplItemFn) -> Result<Option<(Marker, Attribute)>> {
    let Some(at) = method.attrs.iter().position(|attribute| Marker::of(attribute).is_some()) else {
        return Ok(None);
    };
    let attribute = method.attrs.remove(at);
    if let Some(second) = method.attrs.iter().find(|attribute| Marker::of(attribute).is_some()) {
        return Err(Error::new_spanned(second, "a method has at most one marker"));
    }
    let marker = Marker::of(&attribute);
    if marker == Some(Marker::Run) && !matches!(attribute.meta, Meta::Path(_)) {
        return Err(Error::new_spanned(
            &attribute,
            "`#[run]` takes no options, they belong to `#[workflow(…)]`",
        ));
    }
    Ok(marker.map(|marker| (marker, attribute)))
}

fn not_yet(attribute: &Attribute, what: &str) -> Error {
    Error::new_spanned(attribute, format!("{what} are not supported by this version"))
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::*;

    fn take(items: &proc_macro2::TokenStream) -> std::result::Result<(String, String), String> {
        let mut block: ItemImpl = syn::parse2(quote!(impl Greeting { #items })).expect("no fault");
        Methods::take(&mut block)
            .map(|methods| (methods.run.sig.ident.to_string(), block.to_token_stream().to_string()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_marked_method_is_found_and_only_its_marker_goes() {
        let (run, block) = take(&quote! {
            const LIMIT: u8 = 3;
            fn helper() {}
            #[run] #[expect(unused)] async fn start() {}
        })
        .expect("no fault");
        assert_eq!(run, "start");
        let expected = quote!(impl Greeting { const LIMIT: u8 = 3; fn helper() {} #[expect(unused)] async fn start() {} });
        assert_eq!(block, expected.to_string());
    }

    #[test]
    fn wrong_markers_are_refused() {
        for (items, fault) in [
            (
                quote!(
                    async fn run() {}
                ),
                "a workflow needs one method marked `#[run]`: \
                 `async fn run(ctx: &Context<Self>, input: I) -> Result<O, WorkflowError>`",
            ),
            (
                quote!(
                    #[run]
                    fn a() {}
                    #[run]
                    fn b() {}
                ),
                "a workflow has one `#[run]` method, this is another",
            ),
            (
                quote!(
                    #[run]
                    #[run]
                    fn a() {}
                ),
                "a method has at most one marker",
            ),
            (
                quote!(
                    #[run(name = "a")]
                    fn a() {}
                ),
                "`#[run]` takes no options, they belong to `#[workflow(…)]`",
            ),
            (
                quote!(
                    #[signal]
                    fn a() {}
                ),
                "signals are not supported by this version",
            ),
            (
                quote!(
                    #[query]
                    fn a() {}
                ),
                "queries are not supported by this version",
            ),
            (
                quote!(
                    #[update(name = "a")]
                    fn a() {}
                ),
                "updates are not supported by this version",
            ),
        ] {
            assert_eq!(take(&items), Err(fault.to_owned()), "{items}");
        }
    }
}
