//! The probes: images of the user's own, and images of the data set, under the eyes of the user. They are never trained on.

use super::request::{NewProbe, ProbeChange};
use crate::data::Preview;
use crate::error::{Error, Result};
use crate::nn::Trainer;

/// Most probes, beside the test image of the run's settings.
pub const MAX_PROBES: usize = 63;
/// Probes that ride in each batch: the pinned one, and the test images after that of the settings.
const RIDING: usize = 4;

/// A probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Its number among all probes that there were in this session.
    pub id: u32,
    /// Its name, such as that of a file.
    pub name: String,
    /// Its class, where it is known.
    pub class: Option<u8>,
    /// Number of its image among all images.
    pub number: u32,
    /// The picture that it is a part of, if it was added in this session.
    pub preview: Option<Preview>,
    /// That picture has more frames than the one that was taken.
    pub animated: bool,
    pub(super) own: Option<OwnImage>,
}

/// An image of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OwnImage {
    /// Its index among them.
    pub slot: usize,
    /// `[c, y, x]`.
    pub image: Vec<u8>,
    /// Its class for the gradient maps: the one that the user gave, else the network's answer.
    pub class: u8,
}

impl Probe {
    /// True for an image of the user's own.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }
}

/// The probes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probes {
    pub(super) list: Vec<Probe>,
    pub(super) pinned: Option<u32>,
    pub(super) next_id: u32,
}

impl Probes {
    /// All of them, in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Probe> {
        self.list.iter()
    }

    /// Number of probes.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A probe by its id.
    pub fn find(&self, id: u32) -> Option<&Probe> {
        self.list.iter().find(|probe| probe.id == id)
    }

    /// The one whose maps the Network pane shows; none while that is the test image of the settings.
    pub fn pinned(&self) -> Option<&Probe> {
        self.find(self.pinned?)
    }

    /// Id of the next one that is added.
    pub fn next_id(&self) -> u32 {
        self.next_id
    }

    /// Pins the test image of the settings.
    pub(super) fn unpin(&mut self) {
        self.pinned = None;
    }

    fn find_mut(&mut self, id: u32) -> Result<&mut Probe> {
        let missing = || Error::new("there is no such probe", "take one of the strip in the Test pane");
        self.list.iter_mut().find(|probe| probe.id == id).ok_or_else(missing)
    }

    /// Carries out a change.
    ///
    /// # Errors
    /// When there is no such probe, no room for another, or the image is none of the data set's size; then nothing changes.
    pub(super) fn change(&mut self, change: ProbeChange, trainer: &mut Trainer) -> Result<()> {
        match change {
            ProbeChange::Add(new) => self.add(new, trainer)?,
            ProbeChange::AddNumber { name, number, class } => self.add_number(name, number, class)?,
            ProbeChange::SetImage(id, image) => self.set_image(id, trainer, |_| image)?,
            ProbeChange::Invert(id) => {
                self.set_image(id, trainer, |image| image.iter().map(|value| 255 - value).collect())?;
            }
            ProbeChange::SetClass(id, class) => {
                let probe = self.find_mut(id)?;
                (probe.class, probe.own) = (class, probe.own.take().map(|own| own.of(class)));
                upload(probe, trainer);
            }
            ProbeChange::Pin(id) => self.pinned = Some(self.find_mut(id)?.id),
            ProbeChange::Unpin => self.pinned = None,
            ProbeChange::Remove(id) => {
                self.find_mut(id)?;
                self.list.retain(|probe| probe.id != id);
                self.pinned = self.pinned.filter(|pinned| *pinned != id);
            }
        }
        Ok(())
    }

    fn check_room(&self, most: usize) -> Result<()> {
        if self.list.len() < most {
            return Ok(());
        }
        Err(Error::new(format!("there are {most} probes, the most there may be"), "remove one of them first"))
    }

    fn add(&mut self, new: NewProbe, trainer: &mut Trainer) -> Result<()> {
        let loader = &trainer.loader;
        self.check_room(MAX_PROBES)?;
        check_size(&new.image, trainer)?;
        let taken =
            |slot: &usize| self.list.iter().any(|p| p.own.as_ref().is_some_and(|own| own.slot == *slot));
        let Some(slot) = (0..loader.own_images()).find(|slot| !taken(slot)) else {
            return self.check_room(self.list.len());
        };
        let NewProbe { name, image, preview, animated } = new;
        let own = Some(OwnImage { slot, image, class: 0 });
        let number = loader.own_number(slot);
        let probe = Probe { id: self.next_id, name, class: None, number, preview, animated, own };
        upload(&probe, trainer);
        self.push(probe);
        Ok(())
    }

    fn add_number(&mut self, name: String, number: u32, class: u8) -> Result<()> {
        if let Some(known) = self.list.iter().find(|probe| probe.number == number) {
            self.pinned = Some(known.id);
            return Ok(());
        }
        self.check_room(MAX_PROBES)?;
        let (class, id) = (Some(class), self.next_id);
        self.push(Probe { id, name, class, number, preview: None, animated: false, own: None });
        Ok(())
    }

    fn push(&mut self, probe: Probe) {
        (self.pinned, self.next_id) = (Some(probe.id), probe.id + 1);
        self.list.push(probe);
    }

    fn set_image(
        &mut self,
        id: u32,
        trainer: &mut Trainer,
        change: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<()> {
        let probe = self.find_mut(id)?;
        let Some(own) = &mut probe.own else {
            let what = format!("{} is an image of the data set", probe.name);
            return Err(Error::new(what, "change pictures of your own"));
        };
        let image = change(&own.image);
        check_size(&image, trainer)?;
        own.image = image;
        upload(probe, trainer);
        Ok(())
    }

    /// Uploads all of them.
    pub(super) fn upload(&self, trainer: &mut Trainer) {
        self.list.iter().for_each(|probe| upload(probe, trainer));
    }

    /// Puts the pinned one first among those that ride in each batch, or the test image of the settings.
    pub(super) fn pin(&self, trainer: &mut Trainer, test_image: u32) {
        let all = trainer.loader.test_images;
        let tests = (0..RIDING).map(|i| trainer.loader.test_number((test_image as usize + i) % all));
        let numbers: Vec<u32> =
            self.pinned().map(|probe| probe.number).into_iter().chain(tests).take(RIDING).collect();
        trainer.pin(&numbers);
    }

    /// The network's answers arrived: an image without a class has the answer's for its gradient maps.
    pub(super) fn take_answers(&mut self, trainer: &mut Trainer, answer: impl Fn(u32) -> Option<u32>) {
        for probe in self.list.iter_mut().filter(|probe| probe.class.is_none()) {
            let Some(class) = answer(probe.id).and_then(|class| u8::try_from(class).ok()) else { continue };
            if let Some(own) = probe.own.as_mut().filter(|own| own.class != class) {
                own.class = class;
                upload(probe, trainer);
            }
        }
    }
}

impl OwnImage {
    fn of(self, class: Option<u8>) -> Self {
        Self { class: class.unwrap_or(self.class), ..self }
    }
}

fn check_size(image: &[u8], trainer: &Trainer) -> Result<()> {
    let input = trainer.network.input;
    if image.len() == input.len() {
        return Ok(());
    }
    let what = format!("the image has {} values, the network takes {}", image.len(), input.len());
    Err(Error::new(what, "fit the picture to the network's input"))
}

fn upload(probe: &Probe, trainer: &mut Trainer) {
    if let Some(own) = &probe.own {
        trainer.set_own_image(own.slot, &own.image, own.class);
    }
}
