// The documentation of the API: Swagger UI, told to ask nobody but this site.

const place = document.getElementById("api-docs");

window.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: true,
  validatorUrl: null,
});
