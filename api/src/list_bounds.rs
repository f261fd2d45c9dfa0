/// How long the lists of GraphQL may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListBounds {
    /// Items of a page, except for histories: 100. It is lowered to the engine's bound if that is less.
    pub page_items_max: u32,
    /// IDs of one `nodes`: 100.
    pub node_ids_max: usize,
    /// Levels of filters within filters: 4.
    pub filter_depth_max: usize,
    /// Filters in all: 50.
    pub filters_max: usize,
    /// Values of one list of a filter: 100.
    pub filter_values_max: usize,
}

impl Default for ListBounds {
    fn default() -> Self {
        Self {
            page_items_max: 100,
            node_ids_max: 100,
            filter_depth_max: 4,
            filters_max: 50,
            filter_values_max: 100,
        }
    }
}
