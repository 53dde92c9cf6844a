/** A place in the stream of a type, behind the event that has this offset. */
export interface Position {
  /** Names the run of offsets. Those of two epochs have nothing to do with each other. */
  epoch: string;
  /** The offset of the last event ahead of the position. */
  offset: number;
}

/** Positions by topic. */
export type Positions = Readonly<Record<string, Position>>;

/** Events that will not come. */
export interface Gap {
  /** The topic. A type stands for all topics of that type, too. */
  topic: string;
  /** The epoch of the stream. Missing where the gap has no place in one. */
  epoch?: string;
  /** The offset of the first event that is gone. Missing where nobody knows. */
  from?: number;
  /** The offset of the last. Missing where nobody knows. */
  to?: number;
  /** How many are gone, or null where nobody knows. For a topic with an id it may be more than there were of that id. */
  missed: number | null;
  /**
   * Why: `slow` (this client was), `trimmed` (the hub's history did not reach back that far), `broker` (the hub was cut off from others, or their broker has lost events), or `fresh` (the stream has begun anew
   * since, or is no more). A hub may have further reasons.
   */
  reason: "slow" | "trimmed" | "broker" | "fresh" | (string & {});
}

/** What the ack of a subscription says of a topic that is of a stream. */
export interface Answer extends Position {
  result: "resumed" | "gap" | "fresh";
  missed: number | null;
}

/** Where a topic stands. Before the ack of its subscription there is no end; the replay of what was missed goes up to it. */
interface Place extends Position {
  _end?: number;
}

/** Keeps the positions of the topics that are of a stream, so that a subscription goes on where it stopped. */
export interface Tracking {
  /** Returns the position of topic, if it is of a stream. */
  _of(topic: string): Position | undefined;
  /** Returns the positions of topics, or of all, as far as they are of a stream. */
  _list(topics?: string[]): Positions;
  /** Takes what the ack of a subscription says of topic; undefined says that it is of no stream. */
  _answered(topic: string, answer: Answer | undefined): void;
  /** Takes an event for topic, and says whether it is to be heard: it is new, and the subscription has been answered, or it is of no stream. */
  _passed(topic: string, offset: number | undefined): boolean;
  /**
   * Takes a gap that the hub tells of. One of another epoch moves all topics of the type there that are in force, behind it: for any other the ack will tell. Any other gap
   * moves none: what a slow client gets of the newest events lies between the offsets of one, and comes behind it.
   */
  _gapped(gap: Gap): void;
  /** Forgets topic. */
  _forget(topic: string): void;
  /** Takes the connection for ended. */
  _closed(): void;
}

/** The type of a topic. */
export const typeOf = (topic: string): string => topic.split(":")[0]!;

/**
 * Keeps positions, those of since at first. tell is called for each gap.
 *
 * A topic moves by its own events, and once its replay is over, which an event of the stream behind its end shows, by all events of the stream: tops
 * has the last by type. Without that a quiet topic stayed where the history no longer reaches.
 */
export function tracking(since: Positions, tell: (gap: Gap) => void): Tracking {
  const places = new Map<string, Place>(Object.entries(since));
  const tops = new Map<string, number>();
  const of = (topic: string): Position | undefined => {
    const place = places.get(topic);
    const top = tops.get(typeOf(topic))!;
    return place && { epoch: place.epoch, offset: top > place._end! ? top : place.offset };
  };

  return {
    _of: of,
    _list: (topics = [...places.keys()]) => Object.fromEntries(topics.map((topic) => [topic, of(topic)])) as Positions,
    _answered(topic, answer) {
      const from = of(topic);
      const result = answer?.result;
            answer ? places.set(topic, { ...answer, ...(result !== "fresh" && from), _end: answer.offset }) : places.delete(topic);
      if (from && result !== "resumed") {
        tell({ topic, epoch: from.epoch, from: from.offset + 1, missed: result === "gap" ? answer!.missed : null, reason: result === "gap" ? "trimmed" : "fresh" });
      }
    },
    _passed(topic, offset) {
      const place = places.get(topic);
      if (offset) {
        tops.get(typeOf(topic))! >= offset || tops.set(typeOf(topic), offset);
        if (place) {
          if (place._end! >= 0 && place.offset < offset) {
            place.offset = offset;
          } else {
            return false;
          }
        }
      }
      return true;
    },
    _gapped(gap) {
      gap.epoch && places.forEach((place, topic) => {
        if (place._end! >= 0 && typeOf(topic) === typeOf(gap.topic) && place.epoch !== gap.epoch) {
          place.epoch = gap.epoch!;
          place.offset = gap.to!;
          tops.set(typeOf(topic), (place._end = 0));
        }
      });
      tell(gap);
    },
    _forget: (topic) => places.delete(topic),
    _closed() {
      places.forEach((_, topic) => places.set(topic, of(topic)!));
      tops.clear();
    },
  };
}
