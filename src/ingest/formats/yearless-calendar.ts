/** Dates without a year, as text logs of servers have them, on one time line. */

const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const HALF_YEAR_DAYS = 183;
const DAY_SEC = 86_400;

/**
 * Seconds from the first time to each other one, dates without a year. A jump of more than half a year backwards is the
 * turn of the year; a 29 February shows that its year has one.
 */
export class YearlessCalendar {
  #yearStart = 0;
  #isLeap = false;
  #previousDay: number | null = null;
  #firstSec: number | null = null;

  /** `clock`: `HH:MM:SS`, whose fraction is left out. null when there is no such date or time. */
  secondsOf(month: number, day: number, clock: string): number | null {
    const [hour, minute, second] = clock.split(/[:.]/).map(Number);
    const isDate = month >= 1 && month <= 12 && day >= 1 && day <= DAYS_IN[month - 1];
    if (!isDate || hour > 23 || minute > 59 || second > 60) return null;
    if (month === 2 && day === 29) this.#isLeap = true;
    let dayNumber = this.#yearStart + this.#dayOfYear(month, day);
    if (this.#previousDay !== null && this.#previousDay - dayNumber > HALF_YEAR_DAYS) {
      this.#yearStart += this.#isLeap ? 366 : 365;
      this.#isLeap = month === 2 && day === 29;
      dayNumber = this.#yearStart + this.#dayOfYear(month, day);
    }
    this.#previousDay = dayNumber;
    const sec = dayNumber * DAY_SEC + hour * 3_600 + minute * 60 + second;
    this.#firstSec ??= sec;
    return sec - this.#firstSec;
  }

  #dayOfYear(month: number, day: number): number {
    return DAYS_BEFORE[month - 1] + day - 1 + (this.#isLeap && month > 2 ? 1 : 0);
  }
}
