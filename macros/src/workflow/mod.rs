//! `#[workflow]`: the type of an inherent `impl` block implements `Workflow`.

mod arguments;
mod methods;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Error, Ident, ItemImpl, LitStr, PathArguments, Result, Type, ext::IdentExt, parse_quote,
};

use self::{arguments::Arguments, methods::Methods};
use crate::{
    doc,
    signature::{self, Form, Types},
};

const FORM: Form = Form {
    what: "the `#[run]` method",
    context: "Context",
    first_parameter: "ctx: &Context<Self>",
    result: "Result<Output, WorkflowError>",
};

/// The code that takes the place of the block: the block without its markers, and the implementation.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = Arguments::parse(arguments)?;
    let mut block: ItemImpl = syn::parse2(item)?;
    let name = type_name(&block)?;
    let methods = Methods::take(&mut block)?;
    let implementation = implementation(&arguments, &block, &name, &methods)?;
    Ok(quote! { #block #implementation })
}

/// The block without its markers, or the tokens unchanged if they are not such a block.
pub(crate) fn without_markers(item: TokenStream) -> TokenStream {
    match syn::parse2::<ItemImpl>(item.clone()) {
        Ok(mut block) => {
            Methods::strip(&mut block);
            block.into_token_stream()
        }
        Err(_) => item,
    }
}

/// Checks that the block is an inherent one without generics, and gives the name of its type.
fn type_name(block: &ItemImpl) -> Result<Ident> {
    block.modifiers.require_empty()?;
    if let Some((path, _)) = &block.trait_ {
        let message = "`#[workflow]` belongs on an `impl` block of the type itself, not of a trait";
        return Err(Error::new_spanned(path, message));
    }
    if !block.generics.params.is_empty() {
        let message = "a workflow takes no generics, because it is registered under one name";
        return Err(Error::new_spanned(&block.generics, message));
    }
    if let Some(clause) = &block.generics.where_clause {
        return Err(Error::new_spanned(clause, "a workflow takes no `where` clause"));
    }
    match signature::last_segment(&block.self_ty) {
        Some(segment) if matches!(segment.arguments, PathArguments::None) => Ok(segment.ident.clone()),
        _ => {
            let message = "a workflow is a type with a name of its own and without generics";
            Err(Error::new_spanned(&block.self_ty, message))
        }
    }
}

fn implementation(
    arguments: &Arguments,
    block: &ItemImpl,
    name: &Ident,
    methods: &Methods,
) -> Result<TokenStream> {
    let types = Types::of(&methods.run.sig, &FORM)?;
    let registered = arguments
        .name
        .clone()
        .unwrap_or_else(|| LitStr::new(&snake_case(&name.unraw().to_string()), name.span()));
    let description = doc::text(&block.attrs).or_else(|| doc::text(&methods.run.attrs)).unwrap_or_default();
    let options = arguments.options_body();
    let method = &methods.run.sig.ident;
    // `Self::run` is the user's method and not that of the trait: inherent methods come first.
    let call = types.call(&quote!(Self::#method));
    let future = types.future(&quote!(::ctutor_engine::workflow::WorkflowError));
    let unit: Type = parse_quote!(());
    let (input, output) = (types.input.unwrap_or(unit), types.output);

    let conditions: Vec<&Attribute> =
        block.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let workflow = &block.self_ty;
    Ok(quote! {
        #(#conditions)*
        impl ::ctutor_engine::workflow::Workflow for #workflow {
            type Input = #input;
            type Output = #output;

            const NAME: &'static str = #registered;
            const DESCRIPTION: &'static str = #description;

            fn options() -> ::ctutor_engine::workflow::WorkflowOptions {
                #options
            }

            fn run(
                ctx: ::ctutor_engine::workflow::Context<Self>,
                input: Self::Input,
            ) -> #future {
                #call
            }
        }
    })
}

/// `HttpFetch` and `HTTPFetch` are `http_fetch`.
fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, character) in characters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| characters[at]);
        let after = characters.get(at + 1);
        let begins_word = character.is_uppercase()
            && before.is_some_and(|before| {
                before != '_' && (!before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()))
            });
        if begins_word {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(item: TokenStream) -> String {
        expand(quote!(), item).expect_err("a fault").to_string()
    }

    #[test]
    fn names_of_types_become_snake_case() {
        for (name, snake) in [
            ("Greeting", "greeting"),
            ("ExampleLongRunning", "example_long_running"),
            ("HTTPFetch", "http_fetch"),
            ("FetchHTTP", "fetch_http"),
            ("Step2Run", "step2_run"),
            ("ABTest", "ab_test"),
            ("Already_Split", "already_split"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }

    #[test]
    fn the_block_stays_and_the_implementation_follows() {
        let item = quote! {
            /// Greets.
            impl Greeting {
                /// Not this.
                #[run]
                async fn start(ctx: &Context<Self>, name: String) -> Result<u16, WorkflowError> { Ok(1) }
            }
        };
        let expansion = expand(quote!(name = "hello"), item).expect("no fault").to_string();
        for part in [
            quote!(
                async fn start(ctx: &Context<Self>, name: String) -> Result<u16, WorkflowError> {
                    Ok(1)
                }
            ),
            quote!(impl ::ctutor_engine::workflow::Workflow for Greeting),
            quote!(
                type Input = String;
            ),
            quote!(
                type Output = u16;
            ),
            quote!(
                const NAME: &'static str = "hello";
            ),
            quote!(
                const DESCRIPTION: &'static str = "Greets.";
            ),
            quote!(async move { Self::start(&ctx, input).await }),
        ] {
            assert!(expansion.contains(&part.to_string()), "{part} in {expansion}");
        }
        assert!(!expansion.contains("run]"), "{expansion}");
    }

    #[test]
    fn what_is_no_workflow_is_refused() {
        let run = quote!(
            #[run]
            async fn run(ctx: &Context<Self>) -> Result<(), WorkflowError> {
                Ok(())
            }
        );
        for (item, fault_expected) in [
            (
                quote!(
                    struct Greeting;
                ),
                "expected `impl`",
            ),
            (
                quote!(impl Greet for Greeting { #run }),
                "`#[workflow]` belongs on an `impl` block of the type itself, not of a trait",
            ),
            (
                quote!(impl<T> Greeting<T> { #run }),
                "a workflow takes no generics, because it is registered under one name",
            ),
            (quote!(impl Greeting where u8: Copy { #run }), "a workflow takes no `where` clause"),
            (
                quote!(impl Greeting<u8> { #run }),
                "a workflow is a type with a name of its own and without generics",
            ),
            (
                quote!(impl (Greeting, u8) { #run }),
                "a workflow is a type with a name of its own and without generics",
            ),
            (
                quote!(impl Greeting { #[run] async fn run(&self) -> Result<(), WorkflowError> { Ok(()) } }),
                "the `#[run]` method takes `ctx: &Context<Self>` first",
            ),
            (
                quote!(impl Greeting { #[run] fn run(ctx: &Context<Self>) -> Result<(), WorkflowError> { Ok(()) } }),
                "the `#[run]` method must be an `async fn`",
            ),
        ] {
            let source = item.to_string();
            assert_eq!(fault(item), fault_expected, "{source}");
        }
    }

    #[test]
    fn a_faulty_block_keeps_its_code_without_markers() {
        let item = quote!(impl Greeting { #[run] fn a() {} #[query] fn b() {} });
        assert_eq!(
            without_markers(item).to_string(),
            quote!(impl Greeting { fn a() {} fn b() {} }).to_string()
        );
        assert_eq!(
            without_markers(quote!(
                struct Greeting;
            ))
            .to_string(),
            "struct Greeting ;"
        );
    }
}
