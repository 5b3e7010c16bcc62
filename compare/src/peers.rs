//! Who is compared, out of the one table in `apps/allocator/src/table.rs`.

/// One line of the table: a feature of the crate `allocator`.
pub struct Peer {
    pub name: &'static str,
    pub what: &'static str,
    /// Whether it can be asked to give memory back.
    pub trims: bool,
    pub variants: &'static [Variant],
}

/// The same binary in another setting of transparent huge pages.
pub struct Variant {
    pub name: &'static str,
    pub environment: &'static [(&'static str, &'static str)],
    /// The kernel gives the process no huge pages, whatever it asks for.
    pub without_huge_pages: bool,
}

macro_rules! peers {
    ($($name:literal {
        what: $what:literal,
        is: $type:ty = $value:expr,
        trim: $trim:tt,
        figures: $figures:block,
        variants: [$(($variant:literal, $environment:tt, $without:literal)),*],
    })*) => {
        /// The first is the subject, the second what everything is relative to.
        pub const PEERS: &[Peer] = &[$(Peer {
            name: $name,
            what: $what,
            trims: peers!(@trims $trim),
            variants: &[$(Variant { name: $variant, environment: &$environment, without_huge_pages: $without }),*],
        }),*];
    };
    (@trims none) => { false };
    (@trims $trim:block) => { true };
}

include!("../apps/allocator/src/table.rs");

pub const SUBJECT: &str = "arenal";
pub const BASELINE: &str = "glibc";

/// Who takes part in a race: a peer at its default, or a variant of it.
#[derive(Clone, Copy)]
pub struct Contender {
    pub peer: &'static Peer,
    pub variant: Option<&'static Variant>,
}

impl Contender {
    pub fn name(&self) -> &'static str {
        self.variant.map_or(self.peer.name, |variant| variant.name)
    }
}

/// Everybody, in the table's order, each peer followed by its variants.
pub fn contenders() -> impl Iterator<Item = Contender> {
    PEERS.iter().flat_map(|peer| {
        let variants = peer.variants.iter().map(move |variant| Contender { peer, variant: Some(variant) });
        std::iter::once(Contender { peer, variant: None }).chain(variants)
    })
}

/// Those the command line asks for: a peer's name stands for its variants too.
pub fn choose(names: &[String], variants: bool) -> Result<Vec<Contender>, String> {
    if let Some(unknown) = names.iter().find(|name| contenders().all(|contender| contender.name() != *name)) {
        let known: Vec<_> = contenders().map(|contender| contender.name()).collect();
        return Err(format!("no allocator {unknown}; there are {}", known.join(", ")));
    }
    let named = |name: &str| names.iter().any(|wanted| wanted == name);
    let wanted = |contender: &Contender| {
        let by_peer = (names.is_empty() || named(contender.peer.name)) && (variants || contender.variant.is_none());
        by_peer || named(contender.name())
    };
    Ok(contenders().filter(wanted).collect())
}

/// Whether the name stands for a peer's default, which is what the subject is judged against.
pub fn is_rival(name: &str) -> bool {
    name != SUBJECT && PEERS.iter().any(|peer| peer.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&str], variants: bool) -> Vec<&'static str> {
        let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        choose(&chosen, variants).expect("known names").iter().map(Contender::name).collect()
    }

    #[test]
    fn the_subject_and_the_baseline_lead_the_table() {
        assert_eq!(PEERS[0].name, SUBJECT);
        assert_eq!(PEERS[1].name, BASELINE);
    }

    #[test]
    fn a_peer_brings_its_variants_unless_they_are_unwanted() {
        assert_eq!(names(&["arenal", "glibc"], true), ["arenal", "arenal-4k", "glibc"]);
        assert_eq!(names(&["arenal", "glibc"], false), ["arenal", "glibc"]);
        assert_eq!(names(&["jemalloc-thp"], false), ["jemalloc-thp"]);
        assert_eq!(names(&[], false).len(), PEERS.len());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let Err(error) = choose(&["hoard".into()], true) else { panic!("it is unknown") };
        assert!(error.contains("hoard") && error.contains("snmalloc"), "{error}");
    }

    #[test]
    fn a_variant_is_no_rival() {
        assert!(is_rival("jemalloc") && !is_rival("jemalloc-thp") && !is_rival("arenal"));
    }
}
