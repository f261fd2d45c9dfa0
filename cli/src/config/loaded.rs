use std::path::{Path, PathBuf};

use figment::Figment;

use super::{
    Config, Environment, Error, Flags, KEYS,
    keys::FILE_VARIABLE,
    layer::{Layer, Source},
    relations,
};

/// The configuration in force, and where each of its values comes from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The checked values.
    pub(crate) config: Config,
    /// The environment that they were read from.
    pub(crate) environment: Environment,
    /// The file that `--config` names.
    pub(crate) config_flag: Option<PathBuf>,
    pub(super) figment: Figment,
    layers: Vec<Layer>,
}

/// The name of the file in the working directory and in the data directory.
const FILE_NAME: &str = "ctutor.toml";

impl Loaded {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`Error`] with every fault that was found in one pass.
    pub(crate) fn load(file: Option<&Path>, environment: Environment, flags: Flags) -> Result<Self, Error> {
        let mut layers = vec![Layer::of_defaults()];
        if let Some(path) = find_file(file, &environment, &flags) {
            layers.push(Layer::of_file(&path)?);
        }
        let loaded = Self::of_layers(layers, environment, flags)?;
        Ok(Self { config_flag: file.map(Path::to_owned), ..loaded })
    }

    pub(super) fn of_layers(
        mut layers: Vec<Layer>,
        environment: Environment,
        flags: Flags,
    ) -> Result<Self, Error> {
        layers.extend(KEYS.iter().filter_map(|key| Layer::of_environment(key, &environment)));
        layers.extend(flags.into_iter().map(Layer::of_flag));
        let is_explicit = |path: &str| layers.iter().skip(1).any(|layer| layer.has(path));
        let derived = relations::derived(&merged(&layers), is_explicit);
        layers.splice(1..1, derived);
        let figment = merged(&layers);
        let config = figment.extract::<Config>()?;
        let loaded = Self { config, environment, config_flag: None, figment, layers };
        relations::check(&loaded.figment, |path| {
            loaded.source(path).map_or_else(String::new, ToString::to_string)
        })?;
        Ok(loaded)
    }

    /// Where the value of a key comes from, if it has one.
    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.layers.iter().rfind(|layer| layer.has(path)).map(|layer| &layer.source)
    }

    /// Whether somebody set the key.
    pub(crate) fn is_explicit(&self, path: &str) -> bool {
        self.source(path).is_some_and(|source| source.rank() > Source::Default.rank())
    }

    /// Whether a flag set the key; what another source says holds for later commands as well.
    pub(crate) fn is_flag(&self, path: &str) -> bool {
        matches!(self.source(path), Some(Source::Flag(_)))
    }

    /// Of two keys that say the same in two ways, whether the first one holds.
    ///
    /// # Errors
    /// [`Error`] when both come from the same kind of source.
    pub(crate) fn prefers(&self, first: &str, second: &str) -> Result<bool, Error> {
        let rank = |path| self.source(path).map(Source::rank);
        match (rank(first), rank(second)) {
            (Some(one), Some(other)) if one == other => {
                Err(Error::one(format!("both `{first}` and `{second}` are set; set one of them")))
            }
            (one, other) => Ok(one > other),
        }
    }
}

/// The values of all layers; later ones win.
fn merged(layers: &[Layer]) -> Figment {
    layers.iter().fold(Figment::new(), |figment, layer| figment.merge(layer.clone()))
}

fn find_file(file: Option<&Path>, environment: &Environment, flags: &Flags) -> Option<PathBuf> {
    if let Some(path) = file {
        return Some(path.to_owned());
    }
    if let Some(path) = environment.get(FILE_VARIABLE) {
        return Some(path.into());
    }
    let here = PathBuf::from(FILE_NAME);
    if here.exists() {
        return Some(here);
    }
    let data = flags.text("data").or_else(|| environment.get("CTUTOR_DATA")).unwrap_or(".ctutor");
    let in_data = Path::new(data).join(FILE_NAME);
    in_data.exists().then_some(in_data)
}
