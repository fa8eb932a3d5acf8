//! Numbers on the command line, and what is said of one that does not do.

use std::fmt::Display;
use std::str::FromStr;

/// A whole number within bounds.
pub(super) fn whole<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync + 'static,
{
    move |text| match text.parse() {
        Ok(number) if number < least => Err(format!("must be at least {least}")),
        Ok(number) if number > most => Err(format!("must be at most {most}")),
        Ok(number) => Ok(number),
        Err(_) if text.starts_with('-') => Err(format!("must be at least {least}")),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("must be at most {most}"))
        }
        Err(_) => Err("must be a whole number".to_owned()),
    }
}

/// A number above zero: how many of `what`.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| *number > 0.0 && number.is_finite())
        .ok_or_else(|| "must be a number above 0".to_owned())
}

/// A share of something, 0 to 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_named() {
        let parse = whole(1_u16, 1000);
        assert_eq!(parse("7"), Ok(7));
        let said = |text| parse(text).unwrap_err();
        assert_eq!((said("0"), said("-3")), ("must be at least 1".to_owned(), "must be at least 1".to_owned()));
        assert_eq!(
            (said("1001"), said("99999999")),
            ("must be at most 1000".to_owned(), "must be at most 1000".to_owned())
        );
        assert_eq!((said("1.5"), said("")), ("must be a whole number".to_owned(), "must be a whole number".to_owned()));
        assert!(share("0.05").is_ok() && share("1").is_ok() && share("5").is_err() && share("NaN").is_err());
        assert!(positive("0.5").is_ok() && positive("0").is_err() && positive("inf").is_err());
    }
}
