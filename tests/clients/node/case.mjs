// Runs one case of a program: named on the command line, its result printed as JSON.
//
// The client's address and key come from the environment, under the names that the client itself
// reads. SIMULATE holds directives for the simulator, sent with every request.

export const HAIKU = "claude-haiku-4-5";
export const THINKS = "claude-sonnet-5-5";
export const QUESTION = "What is a dragoman?";
export const MEETING = "We meet in Lisbon on 2026-12-04.";
export const WEATHER = "What is the weather in Paris?";
export const LOOK = "What is in this picture?";
// 8 × 8 pixels, red.
export const PICTURE =
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mP4" +
  "z8CAFTEMLQkAKP8/wc53yE8AAAAASUVORK5CYII=";
export const HEADERS = process.env.SIMULATE ? { "x-simulate": process.env.SIMULATE } : {};
export const sky = (city) => `sunny in ${city}`;

export async function main(cases) {
  const [name, kind] = process.argv[2].split(":");
  console.log(JSON.stringify(await cases[name](kind)));
}

// What each refusal is to the program.
export async function refusals(attempts, facts) {
  const found = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
    } catch (error) {
      found[name] = [error.constructor.name, ...facts(error)];
    }
  }
  return found;
}
