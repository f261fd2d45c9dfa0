//! The name that somebody may have meant.

/// Most letters that may be wrong.
const DISTANCE_MAX: usize = 2;

/// The name that is almost this one, if there is one. Of names as near as each other the first by the alphabet, so that
/// the order in which they are known, as that of a map, does not show.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().filter_map(|known| Some((distance(known, name)?, known)));
    let (distance, known) = distances.min()?;
    (distance <= DISTANCE_MAX).then_some(known)
}

/// The same, for names that differ in upper and lower case too: that alone is a slip however many letters it concerns.
#[must_use]
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> Option<&'a str> {
    let mut known = known.into_iter();
    let other_case = known.clone().filter(|known| known.eq_ignore_ascii_case(name)).min();
    other_case.or_else(|| nearest(name, &mut known))
}

/// Letters that are wrong, missing, too many or swapped; nothing if they are a third of the name or more: of a short name
/// another one is made soon.
#[must_use]
pub fn distance(known: &str, name: &str) -> Option<usize> {
    // A name of any length comes from outside, and the time is that of the product.
    if name.len() > known.len() + DISTANCE_MAX * 4 {
        return None;
    }
    let distance = strsim::osa_distance(known, name);
    (distance * 3 <= known.len()).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_leads_to_the_name_and_another_name_to_none() {
        let known = ["example_long_running", "student_testing", "echo"];
        assert_eq!(nearest("exmaple_long_running", known), Some("example_long_running"));
        assert_eq!(nearest("student-testing", known), Some("student_testing"));
        assert_eq!(nearest("ecko", known), Some("echo"));
        assert_eq!(meant("STUDENT_testing", known), Some("student_testing"));
        assert_eq!(meant("ecko", known), Some("echo"));
        assert_eq!(meant("nope", known), None);
        for other in ["", "nope", "grading", &"student_testing".repeat(1_000)] {
            assert_eq!(nearest(other, known), None, "{other}");
        }
    }

    #[test]
    fn the_order_of_what_is_known_does_not_matter() {
        for known in [["v10", "v11"], ["v11", "v10"]] {
            assert_eq!(nearest("v12", known), Some("v10"));
        }
        for known in [["Echo", "eCHO"], ["eCHO", "Echo"]] {
            assert_eq!(meant("echo", known), Some("Echo"));
        }
    }
}
