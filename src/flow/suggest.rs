//! "Did you mean": the known name that lies nearest to one that isn't known.

/// The name among `known` that `wrong` was probably meant to be, if any lies near enough: a third of its letters may
/// be wrong, swapped, missing or too many, but not all of them; case never counts.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let allowed = wrong.chars().count().max(3) / 3;
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= allowed && distance < wrong.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// "did you mean `x`?", or else the list of what there is, or else nothing.
pub(crate) fn hint<'a>(what: &str, wrong: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(wrong, known.clone()) {
        return Some(std::format!("did you mean `{name}`?"));
    }
    list(known).map(|names| std::format!("{what}: {names}"))
}

/// The names in back-ticks with commas between them, at most a dozen; `None` if there are none.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SHOWN: usize = 12;
    let mut out = String::new();
    for (count, name) in names.into_iter().enumerate() {
        if count == SHOWN {
            out.push_str(", …");
            break;
        }
        if count > 0 {
            out.push_str(", ");
        }
        out.push('`');
        out.push_str(name);
        out.push('`');
    }
    (!out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["ws_server", "ws_client", "file"];
        assert_eq!(nearest("ws_sevrer", known), Some("ws_server"));
        assert_eq!(nearest("WS_CLIENT", known), Some("ws_client"));
        assert_eq!(nearest("kafka", known), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(
            hint("there are", "kafka", known).as_deref(),
            Some("there are: `ws_server`, `ws_client`, `file`")
        );
        assert_eq!(hint("there are", "kafka", []), None);
    }
}
