//! `#[activity]`: a function becomes a unit struct that implements `Activity`.

mod arguments;
mod retry;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ItemFn, LitStr, Result, Type, ext::IdentExt, parse_quote};

use self::arguments::Arguments;
use crate::{
    doc,
    signature::{Form, Types},
};

const FORM: Form = Form {
    what: "an activity",
    context: "ActivityContext",
    first_parameter: "ctx: &ActivityContext<C>",
    result: "Result<Output, ActivityError>",
};

/// The code that takes the place of the function.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = Arguments::parse(arguments)?;
    let function: ItemFn = syn::parse2(item)?;
    let types = Types::of(&function.sig, &FORM)?;
    let unit_struct = unit_struct(&function);
    let implementation = implementation(&arguments, function, types);
    Ok(quote! { #unit_struct #implementation })
}

fn unit_struct(function: &ItemFn) -> TokenStream {
    let attributes = function.attrs.iter().filter(|attribute| belongs_to_struct(attribute));
    let (visibility, name) = (&function.vis, &function.sig.ident);
    quote! {
        #(#attributes)*
        #[allow(non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #visibility struct #name;
    }
}

fn implementation(arguments: &Arguments, mut function: ItemFn, types: Types) -> TokenStream {
    let name = function.sig.ident.clone();
    let registered =
        arguments.name.clone().unwrap_or_else(|| LitStr::new(&name.unraw().to_string(), name.span()));
    let options = arguments.options_body();
    let (future, call) =
        (types.future(&quote!(::ctutor_engine::activity::ActivityError)), types.call(&quote!(#name)));
    let unit: Type = parse_quote!(());
    let (input, checkpoint) =
        (types.input.unwrap_or_else(|| unit.clone()), types.context_argument.unwrap_or(unit));
    let output = types.output;

    let conditions: Vec<Attribute> =
        function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    // The implementation itself uses the struct, which must not warn about its own deprecation.
    let deprecated = function.attrs.iter().any(|attribute| attribute.path().is_ident("deprecated"));
    let allow_deprecated = deprecated.then(|| quote! { #[allow(deprecated)] });
    function.attrs.retain(|attribute| !belongs_to_struct(attribute));
    function.vis = syn::Visibility::Inherited;

    quote! {
        #(#conditions)*
        #allow_deprecated
        impl ::ctutor_engine::activity::Activity for #name {
            type Input = #input;
            type Output = #output;
            type Checkpoint = #checkpoint;

            const NAME: &'static str = #registered;

            fn options() -> ::ctutor_engine::activity::ActivityOptions {
                #options
            }

            fn execute(
                ctx: ::ctutor_engine::activity::ActivityContext<Self::Checkpoint>,
                input: Self::Input,
            ) -> #future {
                // An inner item sees what the function saw where it stood, and nothing of the method.
                #function
                #call
            }
        }
    }
}

/// What is said about the activity itself; all else, such as lints, is about the code of the function.
fn belongs_to_struct(attribute: &Attribute) -> bool {
    doc::is_doc(attribute) || ["cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(arguments: TokenStream, item: TokenStream) -> String {
        expand(arguments, item).expect_err("a fault").to_string()
    }

    #[test]
    fn a_function_becomes_a_struct_with_its_visibility_and_documentation() {
        let item = quote! {
            /// Greets.
            #[expect(unused)]
            pub(crate) async fn greet(ctx: &ActivityContext<u8>, name: String) -> Result<u16, ActivityError> { Ok(1) }
        };
        let expansion: syn::File = syn::parse2(expand(quote!(), item).expect("no fault")).expect("no fault");
        let [syn::Item::Struct(unit), syn::Item::Impl(implementation)] = expansion.items.as_slice() else {
            panic!("a struct and an implementation");
        };
        assert_eq!(doc::text(&unit.attrs).as_deref(), Some("Greets."));
        assert!(!unit.attrs.iter().any(|attribute| attribute.path().is_ident("expect")));
        assert!(matches!(unit.vis, syn::Visibility::Restricted(_)));
        let text = quote!(#implementation).to_string();
        for part in [
            quote!(
                type Input = String;
            ),
            quote!(
                type Output = u16;
            ),
            quote!(
                type Checkpoint = u8;
            ),
            quote!(
                const NAME: &'static str = "greet";
            ),
            quote!(#[expect(unused)] async fn greet(ctx: &ActivityContext<u8>, name: String)),
        ] {
            assert!(text.contains(&part.to_string()), "{part} in {text}");
        }
    }

    #[test]
    fn what_is_no_activity_is_refused() {
        let function = quote!(
            async fn f(ctx: &ActivityContext) -> Result<(), ActivityError> {
                Ok(())
            }
        );
        assert!(fault(quote!(color = "red"), function).starts_with("unknown option `color`; known: `name`"));
        assert_eq!(
            fault(
                quote!(),
                quote!(
                    struct Greet;
                )
            ),
            "expected `fn`"
        );
        assert_eq!(
            fault(
                quote!(),
                quote!(
                    async fn f(name: String) -> Result<(), ActivityError> {
                        Ok(())
                    }
                )
            ),
            "an activity takes `ctx: &ActivityContext<C>` first"
        );
        assert_eq!(
            fault(
                quote!(),
                quote!(
                    async fn f(ctx: &ActivityContext) {}
                )
            ),
            "an activity returns `Result<Output, ActivityError>`"
        );
    }
}
