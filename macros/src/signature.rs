//! The form that the functions of both attributes have: `async fn(ctx: &…, input: I) -> Result<O, E>`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{
    Error, FnArg, GenericArgument, PathArguments, PathSegment, Result, ReturnType, Safety, Signature, Type,
};

/// How a function must look, in the words of the messages.
pub(crate) struct Form {
    /// What the function is: `an activity`.
    pub(crate) what: &'static str,
    /// The type of the context: `ActivityContext`.
    pub(crate) context: &'static str,
    /// The first parameter in full: `ctx: &ActivityContext<C>`.
    pub(crate) first_parameter: &'static str,
    /// The result in full: `Result<Output, ActivityError>`.
    pub(crate) result: &'static str,
}

/// The types of a function of that form.
pub(crate) struct Types {
    /// The argument of the context type, if it has one.
    pub(crate) context_argument: Option<Type>,
    /// The type of the input, if there is one.
    pub(crate) input: Option<Type>,
    /// What it returns when all is well.
    pub(crate) output: Type,
    /// Where the result type stands.
    result_span: Span,
}

impl Types {
    /// Reads the types of a function, or says how it differs from the form.
    pub(crate) fn of(signature: &Signature, form: &Form) -> Result<Self> {
        check_qualifiers(signature, form)?;
        let mut parameters = signature.inputs.iter();
        let context_argument = context(signature, parameters.next(), form)?;
        let input = parameters.next().map(|parameter| input(parameter, form)).transpose()?;
        if let Some(extra) = parameters.next() {
            let message = format!("{} takes one input, put several values into a struct", form.what);
            return Err(Error::new_spanned(extra, message));
        }
        let (output, result_span) = output(signature, form)?;
        Ok(Self { context_argument, input, output, result_span })
    }

    /// The type of the future that the trait wants.
    pub(crate) fn future(&self, error: &TokenStream) -> TokenStream {
        let at = self.at_result();
        quote_spanned! {at=>
            impl ::core::future::Future<Output = ::core::result::Result<Self::Output, #error>> + ::core::marker::Send
        }
    }

    /// The future itself: it owns `ctx` and `input`, and lends the context to the function.
    pub(crate) fn call(&self, function: &TokenStream) -> TokenStream {
        let at = self.at_result();
        match self.input {
            Some(_) => quote_spanned! {at=> async move { #function(&ctx, input).await } },
            None => quote_spanned! {at=> async move { let () = input; #function(&ctx).await } },
        }
    }

    /// Where the result type was written, so that a wrong error type or a future that is not `Send` is reported there
    /// and not at the attribute; names are still those of the macro.
    fn at_result(&self) -> Span {
        self.result_span.resolved_at(Span::call_site())
    }
}

/// The type inside the invisible groups that `macro_rules!` variables leave, and inside parentheses.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        _ => ty,
    }
}

/// The last part of a path such as `std::result::Result<A, B>`.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

fn check_qualifiers(signature: &Signature, form: &Form) -> Result<()> {
    let what = form.what;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(signature.fn_token, format!("{what} must be an `async fn`")));
    }
    if let Some(constness) = &signature.constness {
        return Err(Error::new_spanned(constness, format!("{what} must not be `const`")));
    }
    if let Safety::Safe(_) | Safety::Unsafe(_) = &signature.safety {
        return Err(Error::new_spanned(&signature.safety, format!("{what} must not be `unsafe` or `safe`")));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new_spanned(abi, format!("{what} must not be `extern`")));
    }
    if !signature.generics.params.is_empty() {
        let message = format!("{what} takes no generics, because it is registered under one name");
        return Err(Error::new_spanned(&signature.generics, message));
    }
    if let Some(clause) = &signature.generics.where_clause {
        return Err(Error::new_spanned(clause, format!("{what} takes no `where` clause")));
    }
    Ok(())
}

/// Checks the first parameter and gives the argument of its type.
fn context(signature: &Signature, parameter: Option<&FnArg>, form: &Form) -> Result<Option<Type>> {
    let message = || format!("{} takes `{}` first", form.what, form.first_parameter);
    let parameter = match parameter {
        None => return Err(Error::new(signature.paren_token.span.join(), message())),
        Some(FnArg::Receiver(receiver)) => return Err(Error::new_spanned(receiver, message())),
        Some(FnArg::Typed(parameter)) => parameter,
    };
    let segment = match bare(&parameter.ty) {
        Type::Reference(reference) if reference.mutability.is_none() => last_segment(&reference.elem),
        _ => None,
    };
    segment
        .filter(|segment| segment.ident == form.context)
        .map(|segment| type_arguments(segment).first().map(|ty| (*ty).clone()))
        .ok_or_else(|| Error::new_spanned(&parameter.ty, message()))
}

fn input(parameter: &FnArg, form: &Form) -> Result<Type> {
    let FnArg::Typed(parameter) = parameter else {
        return Err(Error::new_spanned(parameter, format!("{} takes no second `self`", form.what)));
    };
    if let Type::Reference(_) | Type::ImplTrait(_) = bare(&parameter.ty) {
        let message =
            format!("the input of {} must be an owned type with a name, because it is stored", form.what);
        return Err(Error::new_spanned(&parameter.ty, message));
    }
    Ok((*parameter.ty).clone())
}

fn output(signature: &Signature, form: &Form) -> Result<(Type, Span)> {
    let message = || format!("{} returns `{}`", form.what, form.result);
    let ReturnType::Type(_, result) = &signature.output else {
        return Err(Error::new(signature.ident.span(), message()));
    };
    let segment = last_segment(result).filter(|segment| segment.ident == "Result");
    // One argument is an alias with a default error; the compiler will see which.
    match segment.map(type_arguments).as_deref() {
        Some([output] | [output, _]) => Ok(((*output).clone(), first_span(result))),
        _ => Err(Error::new_spanned(result, message())),
    }
}

fn type_arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

fn first_span(tokens: &impl ToTokens) -> Span {
    tokens.to_token_stream().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    const FORM: Form = Form {
        what: "a test",
        context: "Ctx",
        first_parameter: "ctx: &Ctx<C>",
        result: "Result<Output, Fault>",
    };

    fn read(signature: TokenStream) -> std::result::Result<[String; 3], String> {
        let signature: Signature = syn::parse2(signature).expect("no fault");
        let text = |ty: Option<&Type>| ty.map(|ty| ty.to_token_stream().to_string()).unwrap_or_default();
        Types::of(&signature, &FORM)
            .map(|types| {
                [text(types.context_argument.as_ref()), text(types.input.as_ref()), text(Some(&types.output))]
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn types_are_found_in_paths_and_left_out_parts_are_none() {
        for (signature, context, input, output) in [
            (
                quote!(async fn f(ctx: &Ctx<u32>, input: Vec<u8>) -> Result<(), Fault>),
                "u32",
                "Vec < u8 >",
                "()",
            ),
            (
                quote!(async fn f(_: &a::Ctx, Named { x }: Named) -> ::std::result::Result<u8, Fault>),
                "",
                "Named",
                "u8",
            ),
            (quote!(async fn f(ctx: &'_ Ctx<Option<u8>>) -> Result<u8>), "Option < u8 >", "", "u8"),
        ] {
            let source = signature.to_string();
            assert_eq!(read(signature), Ok([context, input, output].map(str::to_owned)), "{source}");
        }
    }

    #[test]
    fn another_form_is_refused_with_its_difference() {
        let first = "a test takes `ctx: &Ctx<C>` first";
        let result = "a test returns `Result<Output, Fault>`";
        let owned = "the input of a test must be an owned type with a name, because it is stored";
        let generics = "a test takes no generics, because it is registered under one name";
        for (signature, fault) in [
            (quote!(fn f(ctx: &Ctx) -> Result<u8, Fault>), "a test must be an `async fn`"),
            (
                quote!(async unsafe fn f(ctx: &Ctx) -> Result<u8, Fault>),
                "a test must not be `unsafe` or `safe`",
            ),
            (quote!(async extern "C" fn f(ctx: &Ctx) -> Result<u8, Fault>), "a test must not be `extern`"),
            (quote!(async fn f<T>(ctx: &Ctx, input: T) -> Result<u8, Fault>), generics),
            (quote!(async fn f<'a>(ctx: &'a Ctx) -> Result<u8, Fault>), generics),
            (
                quote!(async fn f(ctx: &Ctx) -> Result<u8, Fault> where u8: Copy),
                "a test takes no `where` clause",
            ),
            (quote!(async fn f() -> Result<u8, Fault>), first),
            (quote!(async fn f(&self) -> Result<u8, Fault>), first),
            (quote!(async fn f(ctx: Ctx) -> Result<u8, Fault>), first),
            (quote!(async fn f(ctx: &mut Ctx) -> Result<u8, Fault>), first),
            (quote!(async fn f(input: &str) -> Result<u8, Fault>), first),
            (quote!(async fn f(ctx: &Ctx, input: &str) -> Result<u8, Fault>), owned),
            (quote!(async fn f(ctx: &Ctx, input: impl Send) -> Result<u8, Fault>), owned),
            (
                quote!(async fn f(ctx: &Ctx, a: u8, b: u8) -> Result<u8, Fault>),
                "a test takes one input, put several values into a struct",
            ),
            (quote!(async fn f(ctx: &Ctx)), result),
            (quote!(async fn f(ctx: &Ctx) -> u8), result),
            (quote!(async fn f(ctx: &Ctx) -> Result), result),
            (quote!(async fn f(ctx: &Ctx) -> Option<u8>), result),
        ] {
            let source = signature.to_string();
            assert_eq!(read(signature), Err(fault.to_owned()), "{source}");
        }
    }
}
