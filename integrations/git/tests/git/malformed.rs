//! Commits and trees that no Git writes and some tool has written.

use git2::{ObjectType, Oid};

use crate::upstream::{AUTHOR, By, EACH_WAY, Upstream};

#[tokio::test]
async fn a_commit_is_checked_out_whatever_its_headers_say() {
    let good = format!("author {AUTHOR}\ncommitter {AUTHOR}\n\nWork\n");
    let cases = [
        "author Lea lea@uni.example 1700000000 +0000\ncommitter Lea\n\nWork\n".to_owned(),
        "author Lea <lea@uni.example> 99999999999999999999999 +0000\ncommitter Lea <lea> 99999999999999999999999 +0000\n\nWork\n".to_owned(),
        "author Lea <lea@uni.example> -1 +0000\ncommitter <> \n\n".to_owned(),
        "author \u{0}\u{1} <<>> x +99999999\ncommitter \n\nWork\n".to_owned(),
        format!("committer {AUTHOR}\n\nWork\n"),
        format!("author {AUTHOR}\nauthor {AUTHOR}\ncommitter {AUTHOR}\ncommitter {AUTHOR}\n\nWork\n"),
        "\nWork\n".to_owned(),
        format!("encoding none-such\n{good}"),
        format!("author {AUTHOR}\ncommitter {AUTHOR}\ngpgsig -----BEGIN\n tree 1\n\n\nparent x\n"),
        format!("author {AUTHOR}\ncommitter {AUTHOR}\nmergetag object\nparent 1\n\ntree x\n"),
        format!("author {AUTHOR}\r\ncommitter {AUTHOR}\r\n\r\nWork\r\n"),
    ];
    for by in EACH_WAY {
        let upstream = Upstream::new();
        // Git itself serves no commit without a blank line.
        let bare = matches!(by, By::Path).then(String::new);
        for (number, headers) in cases.iter().chain(&bare).enumerate() {
            let file = upstream.raw(ObjectType::Blob, number.to_string().as_bytes());
            let tree = upstream.tree(&[("100644", b"a", file)]);
            let id = upstream.raw(ObjectType::Commit, format!("tree {tree}\n{headers}").as_bytes());
            let branch = format!("case-{number}");
            upstream.set(&format!("refs/heads/{branch}"), id);
            let checked = upstream
                .checkout(by, &branch)
                .await
                .unwrap_or_else(|error| panic!("{by:?} {headers}: {error}"));
            assert_eq!((checked.file("a"), checked.commit), (number.to_string(), id.to_string()));
        }
        // The mirror has them all, and goes on.
        let parent = Oid::from_str(&upstream.commit_at(by, "case-0").await.unwrap()).unwrap();
        let next = upstream.commit("next", &[parent]);
        upstream.set("refs/heads/case-0", next);
        assert_eq!(upstream.checkout(by, "case-0").await.unwrap().file("a"), "next", "{by:?}");
        let short = &next.to_string()[..12];
        assert_eq!(upstream.commit_at(by, short).await.unwrap(), next.to_string(), "{by:?}");
    }
}

#[tokio::test]
async fn a_tree_is_checked_out_as_far_as_it_can_be_read() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let blob = |text: &str| upstream.raw(ObjectType::Blob, text.as_bytes());
        let one = blob("1");
        let inner = upstream.tree(&[("100644", b"b", one)]);
        let tree = upstream.tree(&[
            ("100644", b"z", one),
            ("100644", b"z", one),
            ("0040000", b"folder", inner),
            ("000100644", b"padded", one),
            ("100664", b"group", one),
            ("644", b"bare", one),
            ("100644", b".git", one),
            ("40000", b".GIT", inner),
            ("100644", b"..", one),
            ("160000", b"module", Oid::from_bytes(&[3; 20]).unwrap()),
            ("100644", b"a", one),
        ]);
        upstream.set("refs/heads/main", upstream.commit_of(tree, &[]));
        let checked = upstream.checkout(by, "main").await.unwrap();
        for name in ["z", "folder/b", "padded", "group", "bare", "a"] {
            assert_eq!(checked.file(name), "1", "{by:?} {name}");
        }
        let written = checked.written;
        assert_eq!((written.files, written.names_dropped, written.submodules_skipped), (8, 3, 1));
    }
}

#[tokio::test]
async fn what_cannot_be_a_folder_of_files_says_where_it_is() {
    let upstream = Upstream::new();
    let blob = |text: &str| upstream.raw(ObjectType::Blob, text.as_bytes());
    let (one, two, missing) = (blob("1"), blob("2"), Oid::from_bytes(&[7; 20]).unwrap());
    let cases = [
        (upstream.tree(&[("100644", b"a", one), ("100644", b"a", two)]), "its folder has this name twice"),
        (
            upstream.tree(&[("100644", b"a", Oid::ZERO_SHA1)]),
            "the object `0000000000000000000000000000000000000000` is missing",
        ),
        (
            upstream.tree(&[("40000", b"a", missing)]),
            "the object `0707070707070707070707070707070707070707` is missing",
        ),
        (upstream.tree(&[("40000", b"a", one)]), "is a blob, expected a tree"),
        (upstream.raw(ObjectType::Tree, b"100644 torn"), "is malformed"),
    ];
    for by in EACH_WAY {
        for (tree, expected) in cases {
            upstream.set("refs/heads/main", upstream.commit_of(tree, &[]));
            let error = upstream.checkout(by, "main").await.map(|checked| checked.commit).unwrap_err();
            assert!(error.is_of_the_content() && !error.is_retryable(), "{by:?}: {error:?}");
            // Over HTTP the server notices most of it, in words of its own.
            if matches!(by, By::Path) {
                assert!(error.to_string().contains(expected), "{by:?} {expected}: {error}");
            }
        }
    }
}
