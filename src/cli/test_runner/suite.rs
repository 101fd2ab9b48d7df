//! Which folders are tests, and their tags.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{self, Meta};

/// Folders this deep below the one named are not looked into: a link that leads back up would never end.
const MAX_DEPTH: usize = 16;

/// One test: a folder with flows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// How the results name it: its path from where the search began.
    pub(super) name: String,
    /// Its folder, absolute.
    pub(super) dir: PathBuf,
    /// The folder of its suite, absolute; its own for a test that belongs to none.
    pub(super) root: PathBuf,
    /// The `*.troy` files in it, sorted.
    pub(super) flows: Vec<PathBuf>,
    /// Its tags, those of the folders above it up to the suite's, and its folder's name.
    tags: Vec<String>,
    /// It belongs to a suite and has no tags.yaml.
    is_untagged: bool,
}

impl Case {
    /// Why it is not run, if so.
    pub(super) fn skipped(&self, includes: &[String], excludes: &[String]) -> Option<&'static str> {
        let has_one_of = |wanted: &[String]| wanted.iter().any(|tag| self.tags.contains(tag));
        if self.is_untagged {
            Some("no tags.yaml")
        } else if has_one_of(includes) {
            None
        } else if has_one_of(excludes) {
            Some("its tags are excluded")
        } else if !includes.is_empty() {
            Some("none of its tags is included")
        } else {
            None
        }
    }
}

/// The tests below `dir`, or `dir` itself as one; sorted by their paths.
pub(super) fn find(dir: &Path) -> Result<Vec<Case>, String> {
    let told = |error| format!("{}: {error}", dir.display());
    let top = fs::canonicalize(dir).map_err(told)?;
    let mut cases = Vec::new();
    let mut is_suite = false;
    find_suites(&top, &top, 0, &mut is_suite, &mut cases)?;
    if !is_suite {
        if flows(&top)?.is_empty() {
            find_cases(&top, &top, &top, &[], 0, false, &mut cases)?;
        } else {
            add_case(&top, &top, &top, &[], false, &mut cases)?;
        }
    }
    if cases.is_empty() {
        return Err(format!(
            "{}: no test here: a test is a folder with a *.troy file, a suite has a meta.yaml that says {{\"kind\": \"Integration\"}}",
            top.display()
        ));
    }
    cases.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(cases)
}

/// Looks for folders with a meta.yaml.
fn find_suites(top: &Path, dir: &Path, depth: usize, is_suite: &mut bool, cases: &mut Vec<Case>) -> Result<(), String> {
    if let Some(meta) = files::load::<Meta>(&dir.join("meta.yaml"))? {
        *is_suite = true;
        if meta.kind.eq_ignore_ascii_case("integration") {
            find_cases(top, dir, dir, &[], depth, true, cases)?;
        } else {
            log::info!("{}: tests of kind {} are not run", dir.display(), meta.kind);
        }
        return Ok(());
    }
    for folder in folders(dir, depth)? {
        find_suites(top, &folder, depth + 1, is_suite, cases)?;
    }
    Ok(())
}

/// Looks for folders with flows; what lies below such a folder belongs to it.
fn find_cases(
    top: &Path,
    root: &Path,
    dir: &Path,
    tags: &[String],
    depth: usize,
    must_be_tagged: bool,
    cases: &mut Vec<Case>,
) -> Result<(), String> {
    let own: Option<Vec<String>> = files::load(&dir.join("tags.yaml"))?;
    let tags = [tags, &own.unwrap_or_default()].concat();
    for folder in folders(dir, depth)? {
        if flows(&folder)?.is_empty() {
            find_cases(top, root, &folder, &tags, depth + 1, must_be_tagged, cases)?;
        } else {
            add_case(top, root, &folder, &tags, must_be_tagged, cases)?;
        }
    }
    Ok(())
}

fn add_case(
    top: &Path,
    root: &Path,
    dir: &Path,
    tags: &[String],
    must_be_tagged: bool,
    cases: &mut Vec<Case>,
) -> Result<(), String> {
    let own: Option<Vec<String>> = files::load(&dir.join("tags.yaml"))?;
    let is_untagged = must_be_tagged && own.is_none();
    let folder = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = match dir.strip_prefix(top) {
        Ok(below) if below != Path::new("") => below.display().to_string(),
        _ => folder.clone(),
    };
    let mut tags = [tags, &own.unwrap_or_default()].concat();
    tags.push(folder);
    cases.push(Case {
        name,
        dir: dir.to_owned(),
        root: root.to_owned(),
        flows: flows(dir)?,
        tags,
        is_untagged,
    });
    Ok(())
}

/// The folders in `dir`, but for hidden ones; none once the search is too deep.
fn folders(dir: &Path, depth: usize) -> Result<Vec<PathBuf>, String> {
    if depth >= MAX_DEPTH {
        return Ok(Vec::new());
    }
    let is_hidden = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    let mut folders = entries(dir)?;
    folders.retain(|path| path.is_dir() && !is_hidden(path));
    Ok(folders)
}

fn flows(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let mut flows = entries(dir)?;
    flows.retain(|path| path.extension().is_some_and(|extension| extension == "troy") && path.is_file());
    Ok(flows)
}

/// What `dir` holds, sorted.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error| format!("{}: {error}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(told)? {
        paths.push(entry.map_err(told)?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn names(cases: &[Case]) -> Vec<&str> {
        cases.iter().map(|case| case.name.as_str()).collect()
    }

    #[test]
    fn a_folder_with_flows_is_one_test_and_what_lies_below_belongs_to_it() {
        let dir = tree(&[("t/b.troy", ""), ("t/a.troy", ""), ("t/before/config.troy", "")]);
        let cases = find(&dir.path().join("t")).unwrap();
        assert_eq!(names(&cases), ["t"]);
        let flows: Vec<_> = cases[0].flows.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(flows, ["a.troy", "b.troy"]);
        assert_eq!(names(&find(dir.path()).unwrap()), ["t"]);
    }

    #[test]
    fn a_suite_takes_the_tags_of_every_folder_on_the_way() {
        let dir = tree(&[
            ("s/meta.yaml", r#"{"kind": "Integration", "includes": "*"}"#),
            ("s/tags.yaml", "- all\n"),
            ("s/x/tags.yaml", "[one]"),
            ("s/x/a.troy", ""),
            ("s/g/tags.yaml", "[group]"),
            ("s/g/y/tags.yaml", "[]"),
            ("s/g/y/a.troy", ""),
            ("s/z/a.troy", ""),
            ("unit/meta.yaml", r#"{"kind": "Unit"}"#),
            ("unit/u/a.troy", ""),
        ]);
        let cases = find(dir.path()).unwrap();
        assert_eq!(names(&cases), ["s/g/y", "s/x", "s/z"]);
        assert_eq!(cases[0].tags, ["all", "group", "y"]);
        assert_eq!(cases[1].tags, ["all", "one", "x"]);
        assert_eq!(cases[2].skipped(&[], &[]), Some("no tags.yaml"));
        let tags = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(cases[1].skipped(&tags(&["one"]), &tags(&["all"])), None, "include wins");
        assert!(cases[0].skipped(&tags(&["one"]), &[]).is_some());
        assert!(cases[0].skipped(&[], &tags(&["group"])).is_some());
        assert_eq!(cases[0].skipped(&[], &tags(&["one"])), None);
    }

    #[test]
    fn a_folder_without_tests_is_an_error_that_says_what_a_test_is() {
        let dir = tree(&[("x/readme", "")]);
        assert!(find(dir.path()).unwrap_err().contains("*.troy"));
        assert!(find(&dir.path().join("nowhere")).unwrap_err().contains("nowhere"));
        assert!(find(&dir.path().join("x/readme")).is_err());
    }

    #[test]
    fn a_mistake_in_a_yaml_file_is_told_with_its_path() {
        let dir = tree(&[("meta.yaml", "kind: [")]);
        assert!(find(dir.path()).unwrap_err().contains("meta.yaml"));
    }
}
