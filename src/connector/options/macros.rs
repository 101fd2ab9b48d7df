//! The macros themselves; what they make is told in the module above.

/// See the module.
macro_rules! options {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident $(as $key:literal)? : $type:ty $([$range:expr])? $(= $default:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[doc = $doc])* $vis $field: $type),*
        }

        impl $name {
            /// The keys, for the reference.
            #[allow(dead_code)]
            $vis const OPTIONS: &'static [$crate::connector::options::OptionDoc] = &[$(
                $crate::connector::options::OptionDoc::new::<$type>(
                    $crate::connector::options::option_key!($field $($key)?),
                    concat!($($doc, "\n"),*),
                    $crate::connector::options::option_default!($type $(, $default)?),
                    $crate::connector::options::option_range!($($range)?),
                )
            ),*];
        }

        impl $crate::connector::options::OptionRecord for $name {
            const NAME: &'static str = stringify!($name);
            const KEYS: &'static [&'static str] = &[$($crate::connector::options::option_key!($field $($key)?)),*];

            #[allow(unused_mut, unused_variables, unused_assignments)]
            fn from_map<'de, A: ::serde::de::MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
                $(let mut $field: Option<$type> = None;)*
                while let Some(index) = map.next_key_seed($crate::connector::options::Keys(Self::KEYS))? {
                    let mut at = 0;
                    $(
                        if index == at {
                            $field = Some($crate::connector::options::option_value!(map, $type $(, $range)?));
                            continue;
                        }
                        at += 1;
                    )*
                }
                Ok(Self {
                    $($field: match $field {
                        Some(value) => value,
                        None => $crate::connector::options::option_missing!(
                            $crate::connector::options::option_key!($field $($key)?) $(, $default)?
                        ),
                    }),*
                })
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_struct(
                    stringify!($name),
                    <Self as $crate::connector::options::OptionRecord>::KEYS,
                    $crate::connector::options::RecordVisitor(::std::marker::PhantomData),
                )
            }
        }

        impl $crate::connector::options::OptionType for $name {
            fn kind() -> ::std::string::String {
                "record".into()
            }

            fn inner() -> $crate::connector::options::Inner {
                $crate::connector::options::Inner::Record(Self::OPTIONS)
            }

            fn shown(&self) -> Option<::std::string::String> {
                Some("{}".into())
            }
        }

        $crate::connector::options::option_record_default! { $name { $($field $(= $default)?),* } }
    };
}

macro_rules! option_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! option_default {
    ($type:ty) => {
        None
    };
    ($type:ty, $default:expr) => {
        Some(|| {
            let default: $type = $default;
            $crate::connector::options::OptionType::shown(&default)
        })
    };
}

macro_rules! option_range {
    () => {
        None
    };
    ($range:expr) => {
        Some(|| $crate::connector::options::range_text(&$range))
    };
}

macro_rules! option_value {
    ($map:ident, $type:ty) => {
        $map.next_value::<$type>()?
    };
    ($map:ident, $type:ty, $range:expr) => {
        $map.next_value_seed($crate::connector::options::Within::<$type>($range))?
    };
}

macro_rules! option_missing {
    ($key:expr) => {
        return Err(::serde::de::Error::missing_field($key))
    };
    ($key:expr, $default:expr) => {
        $default
    };
}

/// `Default`, for records all of whose keys have one; the first that has none ends it.
macro_rules! option_record_default {
    ($name:ident { $($field:ident = $default:expr),* }) => {
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }
    };
    ($name:ident { $($rest:tt)* }) => {};
}

/// See the module.
macro_rules! choices {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[doc = $doc:literal])* $variant:ident = $text:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name {
            $($(#[doc = $doc])* $variant),*
        }

        impl $name {
            const NAMES: &'static [&'static str] = &[$($text),*];
            const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// As it is written.
            #[allow(dead_code)]
            $vis fn name(self) -> &'static str {
                Self::ALL.iter().position(|choice| *choice == self).map_or("", |index| Self::NAMES[index])
            }

            const MEANINGS: &'static [(&'static str, &'static str)] = &[$(($text, concat!($($doc, "\n"),*))),*];
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let index = $crate::connector::options::read_choice(deserializer, Self::NAMES)?;
                Ok(Self::ALL[index])
            }
        }

        impl $crate::connector::options::OptionType for $name {
            fn kind() -> ::std::string::String {
                $crate::connector::config::list(Self::NAMES.iter().copied())
            }

            fn inner() -> $crate::connector::options::Inner {
                $crate::connector::options::Inner::Choices(Self::MEANINGS)
            }

            fn shown(&self) -> Option<::std::string::String> {
                let index = Self::ALL.iter().position(|choice| choice == self)?;
                Some(::std::format!("\"{}\"", Self::NAMES[index]))
            }
        }
    };
}

pub(in crate::connector) use {
    choices, option_default, option_key, option_missing, option_range, option_record_default, option_value, options,
};
