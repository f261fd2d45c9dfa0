//! The name that somebody may have meant.

/// Most letters that may be wrong.
const DISTANCE_MAX: usize = 2;

/// The name that is almost this one, if there is one.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().filter_map(|known| Some((distance(known, name)?, known)));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= DISTANCE_MAX).then_some(known)
}

/// The same, for names that differ in upper and lower case too: that alone is a slip however many letters it concerns.
#[must_use]
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str, IntoIter: Clone>) -> Option<&'a str> {
    let mut known = known.into_iter();
    let other_case = known.clone().find(|known| known.eq_ignore_ascii_case(name));
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
}
