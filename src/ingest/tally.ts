/** Facts counted per accepted row while a log is read; tallies of several threads add up. */
import type { StagedRow } from './rows.js';

export class RowTally {
  places = 0;
  zonedRows = 0;
  zonelessRows = 0;
  foldRows = 0;
  gapRows = 0;
  /** Records read that are no request, or that a mapping's filter left out. */
  filteredRows = 0;
  /** Records read, damaged ones among them. */
  records = 0;
  /** Rows with lengths counted by a tokenizer. */
  estimatedRows = 0;

  add(row: StagedRow): void {
    if (row.places > this.places) this.places = row.places;
    if (!row.isDate) return;
    if (row.hasZone) this.zonedRows += 1;
    else this.zonelessRows += 1;
    if (row.localKind === 'fold') this.foldRows += 1;
    else if (row.localKind === 'gap') this.gapRows += 1;
  }

  /** Counts rows of a plain file: dates, `zonedRows` of them with their offset. */
  addPlain(rows: number, places: number, zonedRows: number): void {
    this.records += rows;
    if (places > this.places) this.places = places;
    this.zonedRows += zonedRows;
    this.zonelessRows += rows - zonedRows;
  }

  /** Adds another tally, or a copy of one's fields. */
  merge(other: Omit<RowTally, 'add' | 'addPlain' | 'merge'>): void {
    this.places = Math.max(this.places, other.places);
    this.zonedRows += other.zonedRows;
    this.zonelessRows += other.zonelessRows;
    this.foldRows += other.foldRows;
    this.gapRows += other.gapRows;
    this.filteredRows += other.filteredRows;
    this.records += other.records;
    this.estimatedRows += other.estimatedRows;
  }
}
