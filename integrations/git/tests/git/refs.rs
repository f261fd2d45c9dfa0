//! References upstream that exclude each other over time, or are odd.

use std::{fs, path::Path};

use crate::upstream::{By, EACH_WAY, Upstream};

#[tokio::test]
async fn a_branch_may_become_a_folder_of_branches_and_a_folder_a_branch() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let main = upstream.commit("main", &[]);
        upstream.set("refs/heads/main", main);
        for (number, (gone, come)) in [
            ("heads/feature", "heads/feature/area"),
            ("heads/feature/area", "heads/feature"),
            ("heads/feature", "tags/feature/v1"),
            ("tags/feature/v1", "tags/feature"),
            ("tags/feature", "heads/feature/area"),
        ]
        .into_iter()
        .enumerate()
        {
            let (before, after) = (
                upstream.commit(&format!("{number} before"), &[main]),
                upstream.commit(&format!("{number} after"), &[]),
            );
            upstream.set(&format!("refs/{gone}"), before);
            assert_eq!(upstream.commit_at(by, gone).await.unwrap(), before.to_string(), "{by:?} {gone}");
            upstream.remove(&format!("refs/{gone}"));
            upstream.set(&format!("refs/{come}"), after);
            assert_eq!(upstream.commit_at(by, come).await.unwrap(), after.to_string(), "{by:?} {come}");
            assert_eq!(upstream.commit_at(by, "main").await.unwrap(), main.to_string(), "{by:?}");
            upstream.remove(&format!("refs/{come}"));
        }
    }
}

#[tokio::test]
async fn names_that_differ_in_case_or_are_odd_are_names() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let names = ["main", "Main", "MAIN", "a@b", "#1", "ünï", "-dash", "x.y", "a,b;c", "💥", "FETCH_HEAD"];
        for name in names {
            upstream.set(&format!("refs/heads/{name}"), upstream.commit(name, &[]));
        }
        for name in names {
            assert_eq!(upstream.checkout(by, name).await.unwrap().file("a"), name, "{by:?}");
        }
    }
}

#[tokio::test]
async fn a_branch_that_is_pushed_anew_means_what_it_means_now() {
    for by in EACH_WAY {
        let upstream = Upstream::new();
        let (first, second) = (upstream.commit("1", &[]), upstream.commit("2", &[]));
        upstream.set("refs/heads/main", first);
        assert_eq!(upstream.commit_at(by, "main").await.unwrap(), first.to_string());
        upstream.set("refs/heads/main", second);
        assert_eq!(upstream.commit_at(by, "main").await.unwrap(), second.to_string());
        // A run that has found out its commit ends with it.
        assert_eq!(upstream.checkout(by, &first.to_string()).await.unwrap().file("a"), "1");
        upstream.set("refs/heads/main", first);
        assert_eq!(upstream.commit_at(by, "main").await.unwrap(), first.to_string());
    }
}

#[tokio::test]
async fn mirrors_of_earlier_versions_are_taken_over() {
    let upstream = Upstream::new();
    let old = upstream.commit("old", &[]);
    upstream.set("refs/heads/feature", old);
    upstream.commit_at(By::Http, "feature").await.unwrap();
    // They named their references like upstream, and left a lock when they were killed.
    let mirror = upstream.mirror();
    let write = |name: &str, text: &str| {
        fs::create_dir_all(mirror.join(name).parent().unwrap()).unwrap();
        fs::write(mirror.join(name), text).unwrap();
    };
    write("refs/heads/feature", &format!("{old}\n"));
    write("refs/heads/torn", "");
    write("refs/tags/v1.lock", "");
    upstream.remove("refs/heads/feature");
    let new = upstream.commit("new", &[old]);
    upstream.set("refs/heads/feature/area", new);
    assert_eq!(upstream.checkout(By::Http, "feature/area").await.unwrap().file("a"), "new");
    assert_eq!(names(&mirror.join("refs")), [format!("ctutor/{new}")]);
}

#[tokio::test]
async fn only_what_the_repository_still_has_is_kept_as_a_reference() {
    let upstream = Upstream::new();
    for number in 0..3 {
        let id = upstream.commit(&number.to_string(), &[]);
        upstream.set("refs/heads/main", id);
        upstream.commit_at(By::Http, "main").await.unwrap();
        assert_eq!(names(&upstream.mirror().join("refs")), [format!("ctutor/{id}")]);
    }
}

/// The files below a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(names(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}
