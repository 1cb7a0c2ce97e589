# tokentide in a container: docker build -t tokentide . && docker run --rm -v "$PWD:/data" tokentide ingest log.csv -o t.parquet
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc tsconfig.json ./
# The build of `prepare` needs the sources: dependencies first, so that they are cached.
RUN npm ci --ignore-scripts
COPY bin bin
COPY kernels kernels
COPY src src
COPY test test
COPY models models
COPY schemas schemas
COPY traces traces
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/tokentide
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/bin bin
COPY --from=build /build/dist/src dist/src
COPY --from=build /build/wasm wasm
COPY src src
COPY models models
COPY schemas schemas
COPY traces traces
COPY LICENSE CHANGELOG.md README.md ./
USER node
WORKDIR /data
ENTRYPOINT ["node", "/opt/tokentide/bin/tokentide.js"]
CMD ["--help"]
