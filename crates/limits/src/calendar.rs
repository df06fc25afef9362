//! Days, weeks and months in a fixed offset from UTC.
//!
//! The calendar is the proleptic Gregorian one; the conversion between days and dates is
//! Howard Hinnant's ("chrono-Compatible Low-Level Date Algorithms", `civil_from_days`), in which
//! a year begins in March so that the leap day comes last.

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday (ISO 8601).
    Week,
    /// From the first to the first.
    Month,
    /// Without end.
    Forever,
}

impl Period {
    /// Start and end, in milliseconds since the Unix epoch, of the period that holds `now_ms`,
    /// in a time zone `offset_minutes` east of UTC.
    pub fn around(self, now_ms: u64, offset_minutes: i16) -> (u64, u64) {
        let offset = i64::from(offset_minutes) * MINUTE_MS;
        let local = i64::try_from(now_ms).unwrap_or(i64::MAX / 2) + offset;
        let day = local.div_euclid(DAY_MS);
        let (first, next) = match self {
            Self::Day => (day, day + 1),
            Self::Week => {
                // The epoch was a Thursday.
                let monday = day - (day + 3).rem_euclid(7);
                (monday, monday + 7)
            }
            Self::Month => {
                let (year, month) = month_of(day);
                let following = if month == 12 {
                    (year + 1, 1)
                } else {
                    (year, month + 1)
                };
                (first_day(year, month), first_day(following.0, following.1))
            }
            Self::Forever => return (0, u64::MAX),
        };
        let utc = |day: i64| u64::try_from(day * DAY_MS - offset).unwrap_or(0);
        (utc(first), utc(next))
    }
}

/// Year and month (1 to 12) of a day counted from the Unix epoch.
fn month_of(day: i64) -> (i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + era * 400 + i64::from(month <= 2), month)
}

/// The first day of a month, counted from the Unix epoch.
fn first_day(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn periods() {
        // 2024-02-29T23:30:00Z, a Thursday in a leap year.
        let leap = 1_709_249_400_000;
        for (period, offset, start, end) in [
            (Period::Day, 0, 1_709_164_800_000, 1_709_251_200_000),
            // Half an hour east it is the first of March already.
            (Period::Day, 30, 1_709_249_400_000, 1_709_335_800_000),
            (Period::Month, 0, 1_706_745_600_000, 1_709_251_200_000),
            (
                Period::Month,
                60,
                1_709_251_200_000 - HOUR,
                1_711_929_600_000 - HOUR,
            ),
            (Period::Week, 0, 1_708_905_600_000, 1_709_510_400_000),
            (
                Period::Month,
                -720,
                1_706_745_600_000 + 12 * HOUR,
                1_709_251_200_000 + 12 * HOUR,
            ),
            (Period::Forever, 0, 0, u64::MAX),
        ] {
            assert_eq!(
                period.around(leap, offset),
                (start, end),
                "{period:?} {offset}"
            );
        }
        // 2025-12-31T23:59:59.999Z and the millisecond after it.
        let year_end = 1_767_225_599_999;
        assert_eq!(Period::Month.around(year_end, 0).1, year_end + 1);
        assert_eq!(Period::Month.around(year_end + 1, 0).0, year_end + 1);
    }

    proptest! {
        #[test]
        fn a_period_holds_its_moment_and_meets_the_next(
            now in 0_u64..10_000_000_000_000, offset in -720_i16..=840,
        ) {
            for period in [Period::Day, Period::Week, Period::Month] {
                let (start, end) = period.around(now, offset);
                // Before the epoch there is nothing, so the first period may be cut short.
                prop_assert!(start <= now && now < end);
                prop_assert_eq!(period.around(end, offset).0, end);
                prop_assert_eq!(period.around(end - 1, offset), (start, end));
                let days = (end - start) / 86_400_000;
                match period {
                    Period::Month if start > 0 => prop_assert!((28..=31).contains(&days)),
                    Period::Week if start > 0 => prop_assert_eq!(days, 7),
                    _ => {}
                }
            }
        }
    }
}
