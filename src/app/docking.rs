//! Arrangement of the panes: two columns of panes, or of tabs where the window is low.

use egui::{Response, Ui, Vec2};
use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};

use super::pane::{Cx, Dock, FileForm, Pane, ToSave};
use super::theme;

/// Size below which each column shows one pane at a time, in points.
const LOW: Vec2 = Vec2::new(860.0, 560.0);
/// Share of the window's width that the column at the right takes, and its limits in points.
const SIDE: (f32, f32, f32) = (0.256, 250.0, 460.0);

/// The panes in a docking tree for high windows, and in another for low ones.
pub(crate) struct Docking {
    high: Arrangement,
    low: Arrangement,
}

struct Arrangement {
    tree: Tree<usize>,
    /// Widths of the columns that were set last.
    set: [f32; 2],
}

impl Docking {
    pub(crate) fn new(panes: &[Box<dyn Pane>]) -> Self {
        let arrangement = |low| Arrangement { tree: tree(panes, low), set: [0.0; 2] };
        Self { high: arrangement(false), low: arrangement(true) }
    }

    /// Brings a pane, given by its index, before the other tabs beside it.
    pub(crate) fn show(&mut self, pane: usize) {
        for arrangement in [&mut self.high, &mut self.low] {
            arrangement.tree.make_active(|_, tile| matches!(tile, Tile::Pane(index) if *index == pane));
        }
    }

    /// Lays out the panes.
    pub(crate) fn ui(&mut self, ui: &mut Ui, panes: &mut [Box<dyn Pane>], cx: Cx<'_, '_>) {
        let size = ui.available_size();
        let arrangement = if size.x < LOW.x || size.y < LOW.y { &mut self.low } else { &mut self.high };
        arrangement.fit(size.x);
        let tab_margin = if size.x < LOW.x { 2.0 } else { 8.0 };
        arrangement.tree.ui(&mut Panes { panes, cx, tab_margin }, ui);
    }
}

impl Arrangement {
    /// Sets the columns' widths for a window of this width, unless the user has moved the border between them.
    fn fit(&mut self, width: f32) {
        let Some(root) = self.tree.root() else { return };
        let Some(Tile::Container(Container::Linear(columns))) = self.tree.tiles.get_mut(root) else { return };
        let [Some(left), Some(right)] = [0, 1].map(|at| columns.children.get(at).copied()) else { return };
        let shares = [left, right].map(|column| columns.shares[column]);
        if self.set != [0.0; 2] && shares != self.set {
            return;
        }
        let side = (SIDE.0 * width).clamp(SIDE.1, SIDE.2);
        self.set = [(width - side).max(1.0), side];
        columns.shares.set_share(left, self.set[0]);
        columns.shares.set_share(right, self.set[1]);
    }
}

/// Two columns: the main one is wide and at the left.
fn tree(panes: &[Box<dyn Pane>], low: bool) -> Tree<usize> {
    let mut tiles = Tiles::default();
    let [mut main, mut side]: [Vec<(Vec<TileId>, f32)>; 2] = Default::default();
    for (index, pane) in panes.iter().enumerate() {
        let id = tiles.insert_pane(index);
        let (column, share) = match pane.dock() {
            Dock::Main(share) => (&mut main, Some(share)),
            Dock::Side(share) => (&mut side, Some(share)),
            Dock::Tab => (&mut side, None),
            Dock::MainTab => (&mut main, None),
        };
        match (column.last_mut(), share) {
            (Some((tabs, _)), share) if low || share.is_none() => tabs.push(id),
            (_, share) => column.push((vec![id], share.unwrap_or(1.0))),
        }
    }
    let columns = [(main, 1.0 - SIDE.0), (side, SIDE.0)].map(|(rows, width)| {
        let tabs: Vec<_> =
            rows.into_iter().map(|(tabs, share)| (tiles.insert_tab_tile(tabs), share)).collect();
        (tiles.insert_container(split(LinearDir::Vertical, &tabs)), width)
    });
    let root = tiles.insert_container(split(LinearDir::Horizontal, &columns));
    let name = if low { "low workbench" } else { "workbench" };
    Tree::new(egui::Id::unique(name), root, tiles)
}

/// Parts side by side or one above the other, each with its share.
fn split(direction: LinearDir, parts: &[(TileId, f32)]) -> Linear {
    let mut linear = Linear::new(direction, parts.iter().map(|(id, _)| *id).collect());
    parts.iter().for_each(|(id, share)| linear.shares.set_share(*id, *share));
    linear
}

/// A pane with its margin.
pub(crate) fn pane_ui(ui: &mut Ui, pane: &mut dyn Pane, cx: &mut Cx<'_, '_>) {
    egui::Frame::NONE.inner_margin(10).show(ui, |ui| pane.ui(ui, cx));
}

/// Button of a menu that saves a pane of this size as a file.
fn save_menu_ui(ui: &mut Ui, pane: &dyn Pane, size: Vec2, cx: &mut Cx<'_, '_>) {
    ui.add_space(4.0);
    let menu = ui.menu_button("💾", |ui| {
        for form in [FileForm::Png].iter().chain(pane.forms()) {
            let item = ui.button(format!("Save as {}…", form.name()));
            cx.mark(format!("save {} as {}", pane.name(), form.name()), &item);
            if item.clicked() {
                *cx.to_save = Some(ToSave { pane: pane.name(), form: *form, size });
                ui.close();
            }
        }
    });
    let name = format!("Save {}", pane.title());
    menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    cx.mark(format!("save {}", pane.name()), &menu.response);
    menu.response.on_hover_text(name + " as a file");
}

/// The panes inside the docking tree.
struct Panes<'d, 'a, 'f> {
    panes: &'d mut [Box<dyn Pane>],
    cx: Cx<'a, 'f>,
    /// Space at both sides of a tab's title, in points.
    tab_margin: f32,
}

impl egui_tiles::Behavior<usize> for Panes<'_, '_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _id: TileId, index: &mut usize) -> egui_tiles::UiResponse {
        pane_ui(ui, self.panes[*index].as_mut(), &mut self.cx);
        egui_tiles::UiResponse::None
    }

    fn tab_title_for_pane(&mut self, index: &usize) -> egui::WidgetText {
        self.panes[*index].title().into()
    }

    fn on_tab_button(&mut self, tiles: &mut Tiles<usize>, id: TileId, button: Response) -> Response {
        if let Some(Tile::Pane(index)) = tiles.get(id) {
            self.cx.mark(format!("tab {}", self.panes[*index].name()), &button);
        }
        button
    }

    fn simplification_options(&self) -> egui_tiles::SimplificationOptions {
        egui_tiles::SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }

    /// The menu that saves the pane in front.
    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<usize>,
        ui: &mut Ui,
        _id: TileId,
        tabs: &Tabs,
        _scroll_offset: &mut f32,
    ) {
        let Some(front) = tabs.active else { return };
        let (Some(Tile::Pane(index)), Some(rect)) = (tiles.get(front), tiles.rect(front)) else { return };
        save_menu_ui(ui, self.panes[*index].as_ref(), rect.size(), &mut self.cx);
    }

    fn tab_title_spacing(&self, _visuals: &egui::Visuals) -> f32 {
        self.tab_margin
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        theme::ground()
    }
}
