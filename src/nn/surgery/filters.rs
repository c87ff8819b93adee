//! Changes of a unit of filters, as origins of the filters of each layer that it spans.

use std::collections::BTreeMap;

use super::origin::{Origin, Term};
use super::units::Unit;

/// Part of a copied channel's weights, of 1, by which two copies differ: as equals they would learn the same for ever.
const TILT: f32 = 0.25;

/// Origins of the filters of the layers that change, by layer.
pub(super) type Changes = BTreeMap<usize, Vec<Origin>>;

/// A change of a unit; all filters in it change alike.
pub(super) enum Change<'u> {
    /// Fresh filters beside these.
    Add,
    /// Two filters in place of each, which together give what it gave.
    Split,
    /// None.
    Delete,
    /// Those of another unit become one with them.
    Merge(&'u Unit),
}

/// The stretches of neighbouring filters; none reaches over a multiple of `each`, the filters of a group.
fn stretches(filters: &[usize], each: usize) -> Vec<Vec<usize>> {
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    for &filter in filters {
        match stretches.last_mut().filter(|s| s.last() == Some(&(filter.wrapping_sub(1)))) {
            Some(stretch) if !filter.is_multiple_of(each) => stretch.push(filter),
            _ => stretches.push(vec![filter]),
        }
    }
    stretches
}

/// A filter's part in a split: half of its weights, more or less.
fn half(old: usize, sign: f32) -> Origin {
    let whole = Term::whole(old);
    Origin {
        filter: vec![Term { gradient: 0.5, ..whole }],
        taken: vec![Term { factor: 0.5, tilt: sign * TILT, ..whole }],
    }
}

/// Two filters as one: the mean of their weights, and the sum of the weights that take them.
fn merged(a: usize, b: usize) -> Origin {
    let [a, b] = [a, b].map(Term::whole);
    let halves = [a, b].map(|term| Term { factor: 0.5, ..term });
    let sums = [a, b].map(|term| Term { gradient: 0.5, ..term });
    Origin { filter: halves.to_vec(), taken: sums.to_vec() }
}

impl Change<'_> {
    /// Origins of the filters of one layer, of which `unit` has these; `each` of `count` filters are a group that may not be torn.
    fn of_layer(&self, layer: usize, unit: &[usize], count: usize, each: usize) -> Vec<Origin> {
        let mut origins: Vec<Vec<Origin>> = (0..count).map(|filter| vec![Origin::kept(filter)]).collect();
        match self {
            Self::Add | Self::Split => {
                for stretch in stretches(unit, each) {
                    let last = stretch[stretch.len() - 1];
                    let new = |old: &usize| match self {
                        Self::Split => half(*old, -1.0),
                        _ => Origin::default(),
                    };
                    origins[last].extend(stretch.iter().map(new));
                    if matches!(self, Self::Split) {
                        stretch.iter().for_each(|old| origins[*old][0] = half(*old, 1.0));
                    }
                }
            }
            Self::Delete => unit.iter().for_each(|filter| origins[*filter].clear()),
            Self::Merge(other) => {
                for (filter, other) in unit.iter().zip(&other[&layer]) {
                    origins[*filter] = vec![merged(*filter, *other)];
                    origins[*other].clear();
                }
            }
        }
        origins.concat()
    }

    /// The changes in all layers of the unit; `sizes` gives the number of filters of a layer, and how many of them are a group.
    pub(super) fn of_unit(&self, unit: &Unit, sizes: impl Fn(usize) -> (usize, usize)) -> Changes {
        let of_layer = |(layer, filters): (&usize, &Vec<usize>)| {
            let (count, each) = sizes(*layer);
            (*layer, self.of_layer(*layer, filters, count, each))
        };
        unit.iter().map(of_layer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn olds(origins: &[Origin]) -> Vec<Vec<usize>> {
        origins.iter().map(|origin| origin.taken.iter().map(|term| term.old).collect()).collect()
    }

    #[test]
    fn filters_keep_their_order() {
        let of = |change: Change<'_>, unit: &[usize], each| olds(&change.of_layer(0, unit, 4, each));
        assert_eq!(of(Change::Add, &[3], 4), [vec![0], vec![1], vec![2], vec![3], vec![]]);
        assert_eq!(of(Change::Add, &[0, 1], 4), [vec![0], vec![1], vec![], vec![], vec![2], vec![3]]);
        assert_eq!(of(Change::Add, &[1, 3], 2), [vec![0], vec![1], vec![], vec![2], vec![3], vec![]]);
        assert_eq!(of(Change::Add, &[0, 1], 1), [vec![0], vec![], vec![1], vec![], vec![2], vec![3]]);
        assert_eq!(of(Change::Split, &[1], 4), [vec![0], vec![1], vec![1], vec![2], vec![3]]);
        assert_eq!(of(Change::Delete, &[0, 2], 4), [vec![1], vec![3]]);
        let other = Unit::from([(0, vec![0])]);
        assert_eq!(of(Change::Merge(&other), &[2], 4), [vec![1], vec![2, 0], vec![3]]);
    }

    #[test]
    fn halves_add_up_to_the_whole() {
        let [a, b] = [half(3, 1.0), half(3, -1.0)].map(|origin| origin.taken[0]);
        assert_eq!((a.factor + b.factor, a.tilt + b.tilt, a.gradient), (1.0, 0.0, 1.0));
        assert!(a.tilt > 0.0 && a.tilt < a.factor, "copies that are equal stay so");
    }
}
