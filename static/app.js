// Everything here is a comfort: without it the pages work by links and forms.

import { wireActions } from "./actions.js";
import { applyItems, entitle } from "./cards.js";
import { wireComposer } from "./composer.js";
import { followJobs } from "./live.js";
import { keepTime } from "./times.js";

keepTime();
wireActions();
wireComposer();
entitle();
followJobs(applyItems);
